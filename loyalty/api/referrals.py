"""`referrals/`: who brought whom, and what became of it (contract §3, semantics §41)."""

import django_filters
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import ClientRef, Row
from loyalty.api.filters import ClientFilter, Filters
from loyalty.api.lookup import client, row_or_404
from loyalty.api.problems import Problem
from loyalty.api.views import Api
from loyalty.models import Referral
from loyalty.services import referral_codes, referrals


class ReferralOut(Row):
    """A friend who was brought; `reason` says why a referral was refused, capped or taken back."""

    referrer = serializers.IntegerField(source="referrer_id", read_only=True)
    referee = serializers.IntegerField(source="referee_id", read_only=True)
    order = serializers.IntegerField(source="order_id", allow_null=True, read_only=True)

    class Meta:
        model = Referral
        fields = (
            "id",
            "referrer",
            "referee",
            "code",
            "state",
            "reason",
            "order",
            "registered_at",
            "due_at",
            "resolved_at",
        )


class ReferralIn(serializers.Serializer):
    """A client who came by a code."""

    client = ClientRef()
    code = serializers.CharField(max_length=100)


class CodeOut(serializers.Serializer):
    """A client's code and link; while `active` is false they bring nobody."""

    code = serializers.CharField()
    link = serializers.CharField()
    active = serializers.BooleanField()


def code_of(client_id: int) -> dict[str, str | bool]:
    """What `CodeOut` shows."""
    rules = referrals.current()
    return {
        "code": referral_codes.code_of(client_id, rules.key),
        "link": referrals.link(client_id, rules),
        "active": rules.active,
    }


class ReferralFilters(Filters):
    """Of referrals."""

    referrer = ClientFilter()
    referee = ClientFilter()
    state = django_filters.ChoiceFilter(choices=Referral.State.choices)


class Referrals(Api):
    """Friends and who brought them."""

    resource = "referrals"
    telling = frozenset({"referrer", "referee"})
    queryset = Referral.objects.all()
    serializer_class = ReferralOut
    filterset_class = ReferralFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Referrals, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), ReferralOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One referral."""
        return Response(ReferralOut(row_or_404(self.get_queryset(), pk)).data)

    @extend_schema(request=ReferralIn, responses={201: ReferralOut})
    def create(self, request: Request) -> Response:
        """Notes that a client came by a code. The first code counts; what speaks against it is the answer's `reason`.

        A new client is better registered with `referral_code`, in one step.
        """
        told, now = self.validated(ReferralIn), timezone.now()
        found = referrals.register(client(told["client"]), told["code"], now, now)
        if found is None:
            raise Problem("conflict", _("The code is nobody's, or referrals are switched off."))
        return Response(ReferralOut(found).data, status=201)
