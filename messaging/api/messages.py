"""`messages/`: the send log (contract §3)."""

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import Row
from loyalty.api.filters import ClientFilter, Filters, IdFilter
from loyalty.api.lookup import row_or_404
from loyalty.api.views import Api
from loyalty.services import find
from messaging.models import Message
from messaging.services.find import message_ids


class MessageOut(Row):
    """A message: where it is on its way, and why it was not sent where it was not."""

    client = serializers.IntegerField(source="client_id", read_only=True)
    scenario = serializers.IntegerField(source="scenario_id", allow_null=True, read_only=True)
    run = serializers.IntegerField(source="run_id", allow_null=True, read_only=True)

    class Meta:
        model = Message
        fields = (
            "id",
            "client",
            "recipient",
            "scenario",
            "run",
            "channel",
            "topic",
            "address",
            "subject",
            "body",
            "status",
            "reason",
            "provider_id",
            "created_at",
            "due_at",
            "sent_at",
        )


class MessageFilters(Filters):
    """Of messages."""

    search = django_filters.CharFilter(
        method="find", help_text="Message id (ours or the provider's), or a client's external id, phone, e-mail."
    )
    client = ClientFilter()
    scenario = IdFilter("scenario_id")
    status = django_filters.ChoiceFilter(choices=Message._meta.get_field("status").choices)
    recipient = django_filters.ChoiceFilter(choices=Message._meta.get_field("recipient").choices)
    channel = django_filters.ChoiceFilter(choices=Message._meta.get_field("channel").choices)

    def find(self, rows: QuerySet[Message], _name: str, text: str) -> QuerySet[Message]:
        # One or the other, never both by OR: each alone goes by its index.
        if ids := message_ids(text):
            return rows.filter(pk__in=ids)
        return rows.filter(client__in=find.client_ids(text))


class Messages(Api):
    """What was sent, and what was not."""

    resource = "messages"
    queryset = Message.objects.all()
    serializer_class = MessageOut
    filterset_class = MessageFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Messages, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), MessageOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One message."""
        return Response(MessageOut(row_or_404(self.get_queryset(), pk)).data)
