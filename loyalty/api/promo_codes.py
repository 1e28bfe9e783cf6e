"""`promo-codes/{code}/`: what a code gives, and using it (contract §3, semantics §42)."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import problems
from loyalty.api.fields import ClientRef, Id, Moment, Money
from loyalty.api.lookup import client
from loyalty.api.problems import Problem
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import read
from loyalty.models import PromoRedemption
from loyalty.money import major
from loyalty.services import promo
from loyalty.services.promo.offer import Judged


class CheckIn(serializers.Serializer):
    """For whom and what the code is meant; what is not known yet is not checked yet."""

    client = ClientRef(required=False)
    order_total = Money(required=False)


class RedeemIn(CheckIn):
    """A use. Without an order each Idempotency-Key is a use of its own."""

    order_id = serializers.CharField(max_length=read.ID_LENGTH, required=False, default="")


class OfferOut(serializers.Serializer):
    """What a code gives: the shop applies it."""

    code = serializers.CharField()
    pool = serializers.CharField()
    gives = serializers.CharField(help_text="percent, amount, gift …: the field of that name says how much.")
    percent = serializers.DecimalField(5, 2, allow_null=True)
    amount = serializers.CharField(allow_null=True, help_text="Decimal text of `currency`.")
    currency = serializers.CharField()
    gift = serializers.CharField()
    min_order = serializers.CharField(allow_null=True, help_text="Decimal text of `currency`.")
    expires_at = Moment(allow_null=True, help_text="From when it may not be used any more.")
    uses_left = serializers.IntegerField(allow_null=True, help_text="Null: any number.")


class RedemptionOut(serializers.Serializer):
    """A use of a code, and what it gives."""

    id = Id()
    client = Id(allow_null=True)
    order_id = serializers.CharField()
    redeemed_at = Moment()
    offer = OfferOut()


def _offer(offer: promo.Offer) -> dict[str, Any]:
    sums = {"amount": offer.amount, "min_order": offer.min_order}
    shown = {name: None if value is None else f"{major(value, offer.currency):f}" for name, value in sums.items()}
    rest = ("code", "pool", "gives", "percent", "currency", "gift", "expires_at", "uses_left")
    return {name: getattr(offer, name) for name in rest} | shown


def _redemption(use: PromoRedemption) -> dict[str, Any]:
    judged = Judged(use.code, use.client_id, None)
    return {
        "id": use.pk,
        "client": use.client_id,
        "order_id": use.order_ref,
        "redeemed_at": use.redeemed_at,
        "offer": _offer(judged.offer()),
    }


class PromoCodes(Api):
    """Promo codes. Whatever is wrong with a code, the answer is the same 409, so that nobody learns by guessing."""

    resource = "promo-codes"
    reads = ("check", "check_by_post")
    lookup_field = "code"
    lookup_value_regex = "[^/]+"

    def _caller(self) -> str:
        return f"api:{self.key.pk}"

    def _check(self, code: str, given: Any) -> Response:
        asked = CheckIn(data=given)
        asked.is_valid(raise_exception=True)
        told, now = asked.validated_data, timezone.now()
        client_id = client(told["client"]) if "client" in told else None
        try:
            offer = promo.check(code, client_id, told.get("order_total"), now, caller=self._caller())
        except promo.PromoRefused as refused:
            return problems.answer("promo-refused", str(refused))
        return Response(OfferOut(_offer(offer)).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("code", str, OpenApiParameter.PATH),
            OpenApiParameter("client", str, description="A client, named as everywhere."),
            OpenApiParameter("order_total", str, description='Decimal text: "450.00".'),
        ],
        responses=OfferOut,
    )
    @action(detail=True)
    def check(self, request: Request, code: str) -> Response:
        """Whether the code may be used, and what it would give. Changes nothing."""
        return self._check(code, request.query_params)

    @extend_schema(
        parameters=[OpenApiParameter("code", str, OpenApiParameter.PATH)], request=CheckIn, responses=OfferOut
    )
    @check.mapping.post
    def check_by_post(self, request: Request, code: str) -> Response:
        """The same, for those who would rather not put a client's phone into an address."""
        return self._check(code, request.data)

    @extend_schema(
        parameters=[OpenApiParameter("code", str, OpenApiParameter.PATH)],
        request=RedeemIn,
        responses={201: RedemptionOut},
    )
    @action(detail=True, methods=["post"])
    def redeem(self, request: Request, code: str) -> Response:
        """Uses the code; for one order once, whatever the key. Never above its limits."""
        told, now = self.validated(RedeemIn), timezone.now()
        client_id = client(told["client"]) if "client" in told else None
        key, caller = read.key(idempotency_key(request)), self._caller()
        try:
            use = promo.redeem(
                code,
                client_id,
                told["order_id"],
                key,
                now,
                order_total=told.get("order_total"),
                source=caller,
                caller=caller,
            )
        except promo.PromoRefused as refused:
            return problems.answer("promo-refused", str(refused))
        except promo.KeyReused:
            raise Problem("key-reused", _("It came before with another code, client or order.")) from None
        return Response(RedemptionOut(_redemption(use)).data, status=201)
