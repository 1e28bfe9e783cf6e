"""`orders/`: quote, place, pay, cancel, refund (contract §3, semantics §34–36, §39–40)."""

from collections.abc import Iterator
from contextlib import contextmanager

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import order_forms as forms
from loyalty.api.bonuses import refusals
from loyalty.api.filters import ClientFilter, Filters
from loyalty.api.lookup import client, row_or_404
from loyalty.api.problems import Problem, invalid
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import read
from loyalty.intake.facts import Refused
from loyalty.models import Order, Source
from loyalty.services import find, purchases
from loyalty.services.programme import current

of_order = extend_schema(
    parameters=[
        OpenApiParameter(
            "ref", str, OpenApiParameter.PATH, description="`17` (our id) or `external:<source>:<the shop's id>`"
        )
    ]
)


@contextmanager
def purchase_refusals(field: str) -> Iterator[None]:
    """What an order refuses, as problems."""
    try:
        with refusals(field):
            yield
    except purchases.NotPayable as error:
        raise Problem("not-payable", bonuses=str(error)) from None
    except purchases.OrderNotFound as error:
        raise Problem("not-found", str(error)) from None
    except purchases.PurchaseError as error:
        raise Problem("conflict", str(error)) from None


class OrderFilters(Filters):
    """Of orders."""

    search = django_filters.CharFilter(
        method="find", help_text="The order's id, or a client's external id, phone, e-mail."
    )
    client = ClientFilter()
    status = django_filters.ChoiceFilter(choices=Order.Status.choices)
    source = django_filters.CharFilter("source__slug")
    external_id = django_filters.CharFilter(method="by_external_id")

    def by_external_id(self, rows: QuerySet[Order], _name: str, text: str) -> QuerySet[Order]:
        return rows.filter(_external(text))

    def find(self, rows: QuerySet[Order], _name: str, text: str) -> QuerySet[Order]:
        ids = list(Order.objects.filter(_external(text)).values_list("pk", flat=True)[:200])
        return rows.filter(pk__in=ids) if ids else rows.filter(client__in=find.client_ids(text))


def _external(text: str) -> Q:
    """By the id of a source: with the sources named, the unique index serves."""
    return Q(source__in=list(Source.objects.values_list("pk", flat=True)), external_id=text)


class Orders(Api):
    """Orders and what bonuses have to do with them.

    The same order may be told by the shop's webhooks too: whatever comes first, each deed counts once.
    """

    resource = "orders"
    reads = ("quote",)
    queryset = (
        Order.objects.select_related("source", "purchase__hold")
        .prefetch_related("lines")
        .defer("source__secret", "purchase__terms")
    )
    serializer_class = forms.OrderOut
    filterset_class = OrderFilters
    lookup_field = "ref"
    lookup_value_regex = "[^/]+"

    def _order(self, ref: str) -> Order:
        kind, _colon, rest = ref.partition(":")
        if kind != "external":
            return row_or_404(self.get_queryset(), ref)
        slug, _colon, external_id = rest.partition(":")
        found = (
            self.get_queryset().filter(source__slug=slug, external_id=external_id).first() if "\0" not in ref else None
        )
        if found is None:
            raise Problem("not-found", _("There is no such order."))
        return found

    def _shown(self, order: Order, status: int = 200) -> Response:
        return Response(forms.OrderOut(self.get_queryset().get(pk=order.pk)).data, status=status)

    def list(self, request: Request) -> Response:
        """Orders, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), forms.OrderOut)

    @of_order
    def retrieve(self, request: Request, ref: str) -> Response:
        """One order."""
        return Response(forms.OrderOut(self._order(ref)).data)

    @extend_schema(request=forms.QuoteIn, responses=forms.QuoteOut)
    @action(detail=False, methods=["post"])
    def quote(self, request: Request) -> Response:
        """How many bonuses an order would earn and how many may be spent on it. Changes nothing."""
        told, now = self.validated(forms.QuoteIn), timezone.now()
        lines = forms.lines(told["lines"], current().currency, now)
        client_id = client(told["client"]) if "client" in told else None
        found = purchases.quote(self.key.source, client_id, lines, now, told.get("spend"))
        return Response(forms.QuoteOut(forms.quote(found)).data)

    @extend_schema(request=forms.OrderIn, responses={201: forms.OrderOut})
    def create(self, request: Request) -> Response:
        """Places an order and sets bonuses aside for it; it earns when it is paid.

        Told again with other bonuses, while it is not paid, the new number takes the place of the old.
        """
        told, now = self.validated(forms.OrderIn), timezone.now()
        lines = forms.lines(told["lines"], current().currency, now)
        source, order_id, client_id = self.key.source, told["external_id"], client(told["client"])
        with purchase_refusals("bonuses"):
            order = purchases.create(source, order_id, client_id, lines, now)
            if bonuses := told.get("bonuses"):
                purchases.hold(source, order_id, client_id, lines, bonuses, now, told.get("deadline"))
        return self._shown(order, 201)

    @of_order
    @extend_schema(request=forms.PayIn, responses=forms.OrderOut)
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, ref: str) -> Response:
        """The order is paid: bonuses that were set aside are spent, new ones accrue. Once."""
        order, now = self._order(ref), timezone.now()
        given = self.validated(forms.PayIn).get("lines")
        lines = forms.lines(given, order.currency or current().currency, now) if given else None
        with purchase_refusals("bonuses"):
            purchases.pay(order.source, order.external_id, now, lines)
        return self._shown(order)

    @of_order
    @extend_schema(request=None, responses=forms.OrderOut)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, ref: str) -> Response:
        """The order is cancelled: spent bonuses return, earned ones are taken back."""
        order = self._order(ref)
        with purchase_refusals("bonuses"):
            purchases.cancel(order.source, order.external_id, timezone.now())
        return self._shown(order)

    @of_order
    @extend_schema(request=forms.OrderRefundIn, responses=forms.OrderOut)
    @action(detail=True, methods=["post"])
    def refunds(self, request: Request, ref: str) -> Response:
        """Goods came back, all or a part: spent bonuses return in proportion, earned ones shrink to what is left."""
        order, now = self._order(ref), timezone.now()
        told = self.validated(forms.OrderRefundIn)
        goods = {name: _money(sum_, order, f"goods.{name}") for name, sum_ in told.get("goods", {}).items()}
        amount = _money(told["amount"], order, "amount") if "amount" in told else None
        if amount is not None and sum(goods.values()) > amount:
            raise invalid("amount", _("is less than the goods are worth"))
        refund_id = told.get("refund_id") or read.key(idempotency_key(request))
        with purchase_refusals("amount"):
            purchases.refund(order.source, order.external_id, refund_id, now, amount, goods or None)
        return self._shown(order)


def _money(given: str, order: Order, field: str) -> int:
    amount = read.money(given, order.currency or current().currency, field)
    if not amount:
        raise Refused(field, _("must be more than 0"))
    return amount
