"""`messages/`: the send log (contract §3)."""

from datetime import datetime, timedelta
from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import Moment, Row
from loyalty.api.filters import ClientFilter, Filters, IdFilter
from loyalty.api.lookup import row_or_404
from loyalty.api.views import Api
from loyalty.services import find
from messaging.models import Message
from messaging.services.find import id_bounds, message_ids, to_look_through
from scenarios.services import gains
from segments.models import Membership

# What the filters call the columns.
COLUMNS = {"scenario": "scenario_id"}
MOMENTS = ("created_from", "created_before")


class MessageOut(Row):
    """A message: where it is on its way, why it was not sent where it was not, and what came with it."""

    client = serializers.IntegerField(source="client_id", allow_null=True, read_only=True)
    scenario = serializers.IntegerField(source="scenario_id", allow_null=True, read_only=True)
    run = serializers.IntegerField(source="run_id", allow_null=True, read_only=True)
    step = serializers.CharField(source="step_key", read_only=True, help_text="The step's key; empty: of no step.")
    opened_at = Moment(source="first_opened_at", allow_null=True, read_only=True)
    clicked_at = Moment(source="first_clicked_at", allow_null=True, read_only=True)
    bonuses = serializers.SerializerMethodField(
        help_text="Minor units, accrued on the way since the run's previous message; null: none."
    )
    promo_codes = serializers.SerializerMethodField(help_text="Codes issued since the run's previous message.")

    class Meta:
        model = Message
        fields = (
            "id",
            "client",
            "recipient",
            "test",
            "scenario",
            "run",
            "step",
            "attempt",
            "channel",
            "topic",
            "address",
            "subject",
            "body",
            "status",
            "reason",
            "error",
            "tries",
            "cost",
            "bonuses",
            "promo_codes",
            "provider_id",
            "created_at",
            "due_at",
            "sent_at",
            "delivered_at",
            "opened_at",
            "clicked_at",
        )

    def get_bonuses(self, message: Any) -> int | None:
        return message.gain.bonuses

    def get_promo_codes(self, message: Any) -> list[str]:
        return message.gain.codes


class _Moment(django_filters.IsoDateTimeFilter):
    """By the time of writing; told in ids as well, in whose order lists are."""

    def __init__(self, since: bool, **options: Any) -> None:
        super().__init__("created_at", lookup_expr="gte" if since else "lt", **options)
        self._end = "since" if since else "until"

    def filter(self, rows: QuerySet, value: Any) -> QuerySet:
        if not value:
            return rows
        # The planner takes ids and times for independent, and would rather sort a whole day than read it by id.
        written = rows.alias(written=F("created_at") + timedelta(0)).filter(_between(**{self._end: value}))
        return written.filter(**{f"written__{self.lookup_expr}": value})


def _between(since: datetime | None = None, until: datetime | None = None) -> Q:
    first, end = id_bounds(since, until)
    return (Q() if first is None else Q(pk__gte=first)) & (Q() if end is None else Q(pk__lt=end))


class MessageFilters(Filters):
    """Of messages."""

    search = django_filters.CharFilter(
        method="find", help_text="Message id (ours or the provider's), or a client's external id, phone, e-mail."
    )
    client = ClientFilter()
    scenario = IdFilter("scenario_id")
    run = IdFilter("run_id")
    segment = IdFilter("client", method="members", help_text="Id of a segment that the client is in now.")
    status = django_filters.ChoiceFilter(choices=Message._meta.get_field("status").choices)
    reason = django_filters.ChoiceFilter(choices=Message._meta.get_field("reason").choices)
    recipient = django_filters.ChoiceFilter(choices=Message._meta.get_field("recipient").choices)
    channel = django_filters.ChoiceFilter(choices=Message._meta.get_field("channel").choices)
    topic = django_filters.CharFilter()
    test = django_filters.BooleanFilter(help_text="false: without test sends.")
    created_from = _Moment(since=True, help_text="Written at this moment or later.")
    created_before = _Moment(since=False, help_text="Written before this moment.")

    def find(self, rows: QuerySet[Message], _name: str, text: str) -> QuerySet[Message]:
        # One or the other, never both by OR: each alone goes by its index.
        if ids := message_ids(text):
            return rows.filter(pk__in=ids)
        return rows.filter(client__in=find.client_ids(text))

    def members(self, rows: QuerySet[Message], _name: str, segment: int) -> QuerySet[Message]:
        return rows.filter(client_id__in=Membership.objects.filter(segment=segment).values("client_id"))


class Messages(Api):
    """What was sent, and what was not."""

    resource = "messages"
    telling = frozenset({"search", "client", "run"})
    queryset = Message.objects.all()
    serializer_class = MessageOut
    filterset_class = MessageFilters
    lookup_value_regex = "[^/]+"

    def leading(self) -> QuerySet[Message] | None:
        if super().leading() is None:
            return None
        asked = {COLUMNS.get(name, name): value for name, value in self.asked().items() if name not in MOMENTS}
        if not asked:
            return None
        filters = MessageFilters(self.request.query_params, self.queryset)
        bounds = _between(*(filters.form.cleaned_data[name] for name in MOMENTS)) if filters.is_valid() else Q()
        return to_look_through(asked, bounds)

    def list(self, request: Request) -> Response:
        """Messages, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(MessageOut(_with_gains(page or []), many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One message."""
        (message,) = _with_gains([row_or_404(self.get_queryset(), pk)])
        return Response(MessageOut(message).data)


def _with_gains(messages: list[Any]) -> list[Any]:
    given = gains.of_messages(messages)
    for message in messages:
        message.gain = given.get(message.pk) or gains.Gain()
    return messages
