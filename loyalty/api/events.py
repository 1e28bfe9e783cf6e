"""`events/`: the stream of facts, and telling one (contract §3)."""

import django_filters
import orjson
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import Id, Row
from loyalty.api.filters import ClientFilter, Filters
from loyalty.api.lookup import row_or_404
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import shop
from loyalty.intake.delivery import Delivery
from loyalty.models import Event
from loyalty.services import deliveries, find, sources


class EventOut(Row):
    """A fact."""

    source = serializers.CharField(source="source.slug", read_only=True)
    client = serializers.IntegerField(source="client_id", allow_null=True, read_only=True)

    class Meta:
        model = Event
        fields = ("id", "external_id", "name", "source", "client", "occurred_at", "received_at", "payload")


class EventIn(serializers.Serializer):
    """One event in our own JSON, the same as the shop webhook's (docs/events.md)."""

    type = serializers.CharField()
    id = serializers.CharField(required=False, help_text="Unique; without it the Idempotency-Key serves.")
    timestamp = serializers.DateTimeField(required=False)
    client = serializers.DictField(required=False)
    anonymous_id = serializers.CharField(required=False)
    data = serializers.DictField(required=False)


class RecordedEvent(serializers.Serializer):
    """What became of an event; `new` is false where it was known already."""

    id = Id()
    new = serializers.BooleanField()
    client = Id(allow_null=True)


class RecordedOut(serializers.Serializer):
    """The events that were recorded: mostly one; an order that is born paid is two."""

    events = RecordedEvent(many=True)


class EventFilters(Filters):
    """Of events."""

    search = django_filters.CharFilter(method="find", help_text="Event id, or a client's external id, phone, e-mail.")
    client = ClientFilter()
    name = django_filters.CharFilter()
    source = django_filters.CharFilter("source__slug")

    def find(self, rows: QuerySet[Event], _name: str, text: str) -> QuerySet[Event]:
        # One or the other, never both by OR: each alone goes by its index.
        if ids := find.event_ids(text):
            return rows.filter(pk__in=ids)
        return rows.filter(client__in=find.client_ids(text))


class Events(Api):
    """Everything that happened."""

    resource = "events"

    def leading(self) -> QuerySet[Event] | None:
        rows, asked = super().leading(), self.asked()
        if rows is None or "name" not in asked:
            return rows
        # An index gives the events of a name in the order of ids.
        return None if asked.keys() == {"name"} else rows.filter(name=asked["name"])

    queryset = Event.objects.select_related("source").defer("raw", "source__secret")
    serializer_class = EventOut
    filterset_class = EventFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Events, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), EventOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One event."""
        return Response(EventOut(row_or_404(self.get_queryset(), pk)).data)

    @extend_schema(request=EventIn, responses={201: RecordedOut})
    def create(self, request: Request) -> Response:
        """Records an event, with whatever it says of client, cart and order; it may start scenarios."""
        now = timezone.now()
        event = dict(request.data)
        given = event.pop("id", None)
        event_id = given if isinstance(given, str) and given.strip() else f"api:{idempotency_key(request)}"
        source = sources.by_id(self.key.source_id)
        delivery = Delivery(orjson.dumps(event), {"webhook-id": event_id}, sources.origin(source), now)
        recorded = deliveries.record_understood(source, shop.facts(delivery), now)
        shown = [{"id": one.event_id, "new": one.new, "client": one.client_id} for one in recorded]
        return Response({"events": shown}, status=201)
