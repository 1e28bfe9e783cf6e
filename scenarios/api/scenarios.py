"""`scenarios/` and entering one by hand (contract §3)."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import ClientRef, Row
from loyalty.api.filters import Filters
from loyalty.api.lookup import client, clients, row_or_404
from loyalty.api.problems import Problem
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import read
from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.live import live
from scenarios.models import Rehearsal, Scenario
from scenarios.services import rehearsal, rehearsals, why


class ScenarioOut(Row):
    """A scenario. `release` is the number in force, null where nothing was published."""

    release = serializers.IntegerField(source="live_release.number", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Scenario
        fields = ("id", "name", "description", "status", "release", "starts_at", "ends_at", "created_at")


class EnrolIn(serializers.Serializer):
    """Who enters. Without an occurrence, each Idempotency-Key is one of its own."""

    clients = serializers.ListField(child=ClientRef(), min_length=1, max_length=1000)
    occurrence = serializers.CharField(
        max_length=200, required=False, help_text="The occasion, such as contract:77: a client enters once for it."
    )


class EnrolOut(serializers.Serializer):
    """How many entered; the log says why the others did not."""

    entered = serializers.IntegerField()
    refused = serializers.IntegerField()


class ExplainIn(serializers.Serializer):
    """Whose way is asked about."""

    client = ClientRef()


class RehearseIn(serializers.Serializer):
    """One client, or all of them over the last days: exactly one of the two."""

    client = ClientRef(required=False)
    days = serializers.IntegerField(required=False, min_value=1, max_value=366)

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        if ("client" in told) == ("days" in told):
            raise serializers.ValidationError({"client": [_("Give either a client or days.")]})
        return told


class RehearsalOut(Row):
    """A rehearsal of the base; `figures` are there when its state is `done`."""

    class Meta:
        model = Rehearsal
        fields = ("id", "days", "state", "done", "whole", "figures", "error", "ordered_at", "finished_at")


class ScenarioFilters(Filters):
    """Of scenarios."""

    search = django_filters.CharFilter("name", "icontains", help_text="A part of the name.")
    status = django_filters.ChoiceFilter(choices=Scenario.Status.choices)


class Scenarios(Api):
    """Scenarios."""

    resource = "scenarios"
    queryset = Scenario.objects.select_related("live_release").defer("live_release__snapshot")
    serializer_class = ScenarioOut
    filterset_class = ScenarioFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Scenarios, newest first; archived ones only when asked for by status."""
        rows: QuerySet[Scenario] = self.get_queryset()
        if not request.query_params.get("status"):
            rows = rows.exclude(status=Scenario.Status.ARCHIVED)
        return self.page(self.filter_queryset(rows), ScenarioOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One scenario."""
        return Response(ScenarioOut(row_or_404(self.get_queryset(), pk)).data)

    @extend_schema(parameters=[ExplainIn], responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def explain(self, request: Request, pk: str) -> Response:
        """Why the client did or did not get what the scenario gives: the whole trace of decisions."""
        scenario = row_or_404(self.get_queryset(), pk)
        asked = ExplainIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = why.why(scenario, client(asked.validated_data["client"]), timezone.now())
        return Response(why.as_data(found))

    @extend_schema(request=RehearseIn, responses={200: OpenApiTypes.OBJECT, 202: RehearsalOut})
    @action(detail=True, methods=["post"])
    def rehearse(self, request: Request, pk: str) -> Response:
        """Rehearses the draft on a virtual clock: one client's timeline at once, or an order for the whole base."""
        scenario, now = row_or_404(self.get_queryset(), pk), timezone.now()
        told = self.validated(RehearseIn)
        if "client" in told:
            return Response(rehearsal.for_client(scenario, client(told["client"]), now).as_data())
        return Response(RehearsalOut(rehearsals.order(scenario, told["days"], None, now)).data, status=202)

    @extend_schema(responses=RehearsalOut(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def rehearsals(self, request: Request, pk: str) -> Response:
        """The last rehearsals of the base, newest first."""
        scenario = row_or_404(self.get_queryset(), pk)
        return Response(RehearsalOut(scenario.rehearsals.order_by("-pk")[:20], many=True).data)

    @extend_schema(request=EnrolIn, responses=EnrolOut)
    @action(detail=True, methods=["post"])
    def enrol(self, request: Request, pk: str) -> Response:
        """Lets clients in, whatever the triggers say; the rules of re-entry, cap and validity stay in force."""
        scenario, now = row_or_404(self.get_queryset(), pk), timezone.now()
        told = self.validated(EnrolIn)
        ids = sorted(set(clients(told["clients"], "clients")))
        running = live().get(scenario.pk)
        if running is None:
            raise Problem("conflict", _("The scenario is not active."))
        occasion = told.get("occurrence") or f"{self.key.pk}:{read.key(idempotency_key(request))}"
        candidates = [Candidate(client_id, f"api:{occasion}"[:250], {"since": now.isoformat()}) for client_id in ids]
        entered = enrol(running, candidates, now)
        return Response({"entered": entered, "refused": len(ids) - entered})
