"""`bonuses/`: accruals, holds and refunds, straight in the ledger (contract §3, semantics §30–37)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import django_filters
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.clients import OperationOut
from loyalty.api.fields import Amount, ClientRef, Future, Id, Row
from loyalty.api.filters import ClientFilter, Filters
from loyalty.api.lookup import client, id_in_address, row_or_404
from loyalty.api.problems import Problem
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import read
from loyalty.models import BonusHold, BonusOperation
from loyalty.services import ledger

HOLD_MINUTES = 15  # how long a till has to be paid, where it does not say
LONGEST_HOLD = timedelta(days=60)

_REFUSALS: dict[type[ledger.LedgerError], tuple[str, Any]] = {
    ledger.InsufficientBonuses: ("insufficient", gettext_lazy("is more than the client has available")),
    ledger.TooMuch: ("too-much", gettext_lazy("is more than is left to take")),
    ledger.HoldExpired: ("hold-expired", ""),
    ledger.HoldResolved: ("hold-resolved", ""),
    ledger.KeyReused: ("key-reused", ""),
    ledger.NotFound: ("not-found", ""),
}


@contextmanager
def refusals(field: str = "amount") -> Iterator[None]:
    """The ledger's refusals as problems; `field` is the request's field that asked for too much."""
    try:
        yield
    except ledger.LedgerError as error:
        kind, reason = _REFUSALS.get(type(error), ("conflict", ""))
        raise Problem(kind, **({field: str(reason)} if reason else {})) from None


class AccrualIn(serializers.Serializer):
    """One credit. Without a lifetime it never burns."""

    client = ClientRef()
    amount = Amount()
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    activates_at = Future(required=False, help_text="From when it can be spent; default: now.")
    expires_at = Future(required=False, help_text="Until before when it can be spent.")
    lifetime_days = serializers.IntegerField(
        min_value=0,
        max_value=36_500,
        required=False,
        help_text="Instead of expires_at: burns at the start of the day after so many days from activation.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "expires_at" in attrs and "lifetime_days" in attrs:
            raise serializers.ValidationError({"lifetime_days": _("give this or expires_at, not both")})
        if "expires_at" in attrs and attrs["expires_at"] <= attrs.get("activates_at", timezone.now()):
            raise serializers.ValidationError({"expires_at": _("must be after activates_at")})
        return attrs


class HoldIn(serializers.Serializer):
    """Bonuses to set aside until an order is paid."""

    client = ClientRef()
    amount = Amount()
    deadline = Future(required=False, help_text=f"Default: in {HOLD_MINUTES} minutes; at most 60 days ahead.")
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")

    def validate_deadline(self, value: datetime) -> datetime:
        if value > timezone.now() + LONGEST_HOLD:
            raise serializers.ValidationError(_("must be within 60 days"))
        return value


class HoldOut(Row):
    """Bonuses set aside. After its deadline an open hold reserves nothing."""

    client = serializers.IntegerField(source="client_id", read_only=True)
    operation = serializers.IntegerField(
        source="operation_id", allow_null=True, read_only=True, help_text="The spending, once captured."
    )

    class Meta:
        model = BonusHold
        fields = (
            "id",
            "client",
            "amount",
            "captured",
            "state",
            "operation",
            "reason",
            "deadline",
            "created_at",
            "resolved_at",
        )


class CaptureIn(serializers.Serializer):
    """How much of the hold to spend; the rest is released. Default: all of it."""

    amount = Amount(required=False)


class RefundIn(serializers.Serializer):
    """Spent bonuses to give back, to the lots they came from."""

    operation = Id(help_text="The spending: `operation` of a captured hold.")
    amount = Amount()
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class Bonuses(Api):
    """What all parts of bonuses share."""

    resource = "bonuses"
    lookup_value_regex = "[^/]+"

    def ledger_key(self) -> tuple[str, str]:
        """Source and key of what this request posts: it is posted once even after its answer was forgotten."""
        return f"api:{self.key.pk}", read.key(idempotency_key(self.request))

    def posted(self, operation_id: int) -> Response:
        """What was posted."""
        return Response(OperationOut(BonusOperation.objects.get(pk=operation_id)).data, status=201)


class Accruals(Bonuses):
    """Credits by hand of a till, an app or a site."""

    @extend_schema(request=AccrualIn, responses={201: OperationOut})
    def create(self, request: Request) -> Response:
        """Accrues bonuses to a client."""
        told, now = self.validated(AccrualIn), timezone.now()
        source, key = self.ledger_key()
        active, expires = told.get("activates_at", now), told.get("expires_at")
        if "lifetime_days" in told:
            expires = ledger.lifetime_end(active, told["lifetime_days"], timezone.get_default_timezone())
        grant = ledger.Grant(client(told["client"]), told["amount"], key, active, expires, told["reason"])
        with refusals():
            return self.posted(ledger.accrue(source, grant, now))


class HoldFilters(Filters):
    """Of holds."""

    client = ClientFilter()
    state = django_filters.ChoiceFilter(choices=BonusHold.State.choices)


class Holds(Bonuses):
    """Spending in two steps: set aside while the client pays, then capture or release (semantics §34)."""

    queryset = BonusHold.objects.all()
    serializer_class = HoldOut
    filterset_class = HoldFilters

    def list(self, request: Request) -> Response:
        """Holds, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), HoldOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One hold."""
        return Response(HoldOut(row_or_404(self.get_queryset(), pk)).data)

    @extend_schema(request=HoldIn, responses={201: HoldOut})
    def create(self, request: Request) -> Response:
        """Sets bonuses aside, soonest to burn first; they cannot be spent otherwise before the deadline."""
        told, now = self.validated(HoldIn), timezone.now()
        deadline = told.get("deadline", now + timedelta(minutes=HOLD_MINUTES))
        source, key = self.ledger_key()
        with refusals():
            held = ledger.hold(source, client(told["client"]), told["amount"], key, deadline, now, told["reason"])
        return Response(HoldOut(BonusHold.objects.get(pk=held)).data, status=201)

    @extend_schema(request=CaptureIn, responses=HoldOut)
    @action(detail=True, methods=["post"])
    def capture(self, request: Request, pk: str) -> Response:
        """Spends what was set aside, or a part of it. Once; after the deadline not at all."""
        told, number = self.validated(CaptureIn), id_in_address(pk)
        amount = told["amount"] if "amount" in told else row_or_404(self.get_queryset(), pk).amount
        with refusals():
            ledger.capture(number, amount, timezone.now())
        return self.retrieve(request, pk)

    @extend_schema(request=None, responses=HoldOut)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Gives back what was set aside."""
        with refusals():
            ledger.release(id_in_address(pk), timezone.now())
        return self.retrieve(request, pk)


class Refunds(Bonuses):
    """Spent bonuses that come back."""

    @extend_schema(request=RefundIn, responses={201: OperationOut})
    def create(self, request: Request) -> Response:
        """Gives spent bonuses back with their own expiry; what has lapsed since burns at once (semantics §35)."""
        told = self.validated(RefundIn)
        source, key = self.ledger_key()
        try:
            with refusals():
                done = ledger.refund(source, told["operation"], told["amount"], key, timezone.now(), told["reason"])
        except Problem as problem:
            if problem.kind == "not-found":
                raise Problem("invalid", operation=_("is no spending")) from None
            raise
        return self.posted(done)
