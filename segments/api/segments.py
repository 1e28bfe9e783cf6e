"""`segments/` and who is in them (contract §3)."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.clients import ExternalId
from loyalty.api.fields import ClientRef, Row
from loyalty.api.filters import Filters
from loyalty.api.lookup import client_or_404, clients, row_or_404
from loyalty.api.problems import Problem
from loyalty.api.views import Api
from loyalty.models import Client, Identity
from segments.models import Membership, Segment
from segments.services import membership, rules


class SegmentOut(Row):
    """A segment. A dynamic one is filled by its rule, here as a sentence, and is as of `computed_at`."""

    rule = serializers.SerializerMethodField()

    class Meta:
        model = Segment
        fields = ("id", "slug", "name", "colour", "kind", "rule", "computed_at", "created_at")

    def get_rule(self, segment: Segment) -> str | None:
        return str(self.context["rules"][segment.rule_id].sentence()) if segment.rule_id else None


class MemberOut(Row):
    """A client's place in a segment."""

    client = serializers.IntegerField(source="client_id", read_only=True)
    phone = serializers.CharField(source="client.phone", read_only=True)
    email = serializers.CharField(source="client.email", read_only=True)
    external_ids = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ("client", "phone", "email", "external_ids", "entered_at")

    @extend_schema_field(ExternalId(many=True))
    def get_external_ids(self, row: Any) -> list[dict[str, str]]:
        return [{"source": name.scope, "id": name.value} for name in row.client.external_names]


class MembersIn(serializers.Serializer):
    """Clients to add."""

    clients = serializers.ListField(child=ClientRef(), min_length=1, max_length=1000)


class MembersAdded(serializers.Serializer):
    """How many of them were not in it."""

    added = serializers.IntegerField()


class SegmentFilters(Filters):
    """Of segments."""

    search = django_filters.CharFilter(method="find", help_text="A part of the name, or the slug.")
    slug = django_filters.CharFilter()
    kind = django_filters.ChoiceFilter(choices=Segment.Kind.choices)

    def find(self, rows: QuerySet[Segment], _name: str, text: str) -> QuerySet[Segment]:
        return rows.filter(Q(slug=text) | Q(name__icontains=text))


def _told(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Segments with the sentences of their rules, in so many queries as there are types of conditions."""
    trees = rules.load(segment.rule_id for segment in segments if segment.rule_id)
    return SegmentOut(segments, many=True, context={"rules": trees}).data  # type: ignore[return-value]


class Segments(Api):
    """Segments of clients."""

    resource = "segments"
    queryset = Segment.objects.all()
    serializer_class = SegmentOut
    filterset_class = SegmentFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Segments, newest first."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_told(rows or []))

    def retrieve(self, request: Request, pk: str) -> Response:
        """One segment, by id."""
        return Response(_told([row_or_404(self.get_queryset(), pk)])[0])

    @extend_schema(responses=MemberOut(many=True), filters=False)
    @action(detail=True, url_path="clients", filterset_class=None)
    def clients(self, request: Request, pk: str) -> Response:
        """Who is in it, the latest to enter first."""
        names = Identity.objects.filter(kind=Identity.Kind.EXTERNAL)
        people = Client.objects.prefetch_related(Prefetch("identities", names, to_attr="external_names"))
        rows = Membership.objects.filter(segment=row_or_404(self.get_queryset(), pk))
        return self.page(self.filter_queryset(rows.prefetch_related(Prefetch("client", people))), MemberOut)

    @extend_schema(request=MembersIn, responses=MembersAdded)
    @clients.mapping.post
    def add_clients(self, request: Request, pk: str) -> Response:
        """Adds clients; who is in it already stays. Every entering is an event that scenarios may follow."""
        segment = row_or_404(self.get_queryset(), pk)
        ids = clients(self.validated(MembersIn)["clients"], "clients")
        try:
            added = membership.add(segment.pk, dict.fromkeys(ids, 0), timezone.now())
        except membership.FilledByRule as error:
            raise Problem("conflict", str(error)) from None
        return Response({"added": added})

    @extend_schema(
        responses={204: None}, parameters=[OpenApiParameter("client", str, OpenApiParameter.PATH)], filters=False
    )
    @action(detail=True, methods=["delete"], url_path="clients/(?P<client>[^/]+)", filterset_class=None)
    def remove_client(self, request: Request, pk: str, client: str) -> Response:
        """Takes a client out; one who is not in it is no error."""
        segment = row_or_404(self.get_queryset(), pk)
        try:
            membership.remove(segment.pk, {client_or_404(client): 0}, timezone.now())
        except membership.FilledByRule as error:
            raise Problem("conflict", str(error)) from None
        return Response(status=204)
