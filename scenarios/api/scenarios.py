"""`scenarios/` and entering one by hand (contract §3)."""

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import ClientRef, Row
from loyalty.api.filters import Filters
from loyalty.api.lookup import clients, row_or_404
from loyalty.api.problems import Problem
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import read
from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.live import live
from scenarios.models import Scenario


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
