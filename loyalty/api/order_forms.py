"""What requests say of orders, and how orders are shown."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from loyalty.api.fields import Amount, ClientRef, Future, Moment, Row
from loyalty.intake import read, shop
from loyalty.intake.deeds import Deed
from loyalty.intake.facts import Fact, Line
from loyalty.intake.read import Origin
from loyalty.models import BonusHold, Order, OrderLine
from loyalty.money import major
from loyalty.services.programme import current
from loyalty.services.purchases import Quote

MOST_LINES = 1000


class LineIn(serializers.Serializer):
    """A line, in the words of the shop's webhook (docs/events.md). Sums are decimal text."""

    product_id = serializers.CharField(required=False, help_text="Or sku.")
    sku = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    brand = serializers.CharField(required=False)
    category = serializers.CharField(required=False)
    category_id = serializers.CharField(required=False)
    quantity = serializers.CharField(required=False, help_text="Default: 1.")
    price = serializers.CharField(required=False, help_text="For one.")
    total = serializers.CharField(
        required=False, help_text="For the line, after discounts and before bonuses; default: price × quantity."
    )

    def to_internal_value(self, data: Any) -> Any:
        return data  # read by the intake's reader, which also reads the webhooks'


def lines(given: list[Any], currency: str, now: datetime) -> list[Line]:
    """Lines as the intake reads them, in `currency`. Raises Refused with the place and the field."""
    deed = Deed(Fact("", "", now), {"lines": given}, shop.WORDS, Origin("", currency, ""), now, "")
    return deed.lines(currency) or []


def _lines_field(**options: Any) -> Any:
    return LineIn(many=True, allow_empty=False, max_length=MOST_LINES, **options)


class QuoteIn(serializers.Serializer):
    """An order that is being put together. Without a client: a guest's."""

    client = ClientRef(required=False)
    lines = _lines_field()
    spend = Amount(min_value=0, required=False, help_text="How many bonuses the client wishes to spend; default: all.")


class OrderIn(serializers.Serializer):
    """An order that is placed. `bonuses` of it are set aside until it is paid."""

    external_id = serializers.CharField(max_length=read.ID_LENGTH - 20, help_text="The order's id in the shop.")
    client = ClientRef()
    lines = _lines_field()
    bonuses = Amount(required=False)
    deadline = Future(required=False, help_text="Until when bonuses are set aside; default: in 30 minutes.")


class PayIn(serializers.Serializer):
    """Lines only where nobody has told them yet."""

    lines = _lines_field(required=False)


class OrderRefundIn(serializers.Serializer):
    """Goods that came back. Without amount and goods: all that is left of the order."""

    refund_id = serializers.CharField(
        max_length=read.ID_LENGTH - 20, required=False, help_text="Counts once; default: the Idempotency-Key."
    )
    amount = serializers.CharField(max_length=40, required=False, help_text='Decimal text: "450.00".')
    goods = serializers.DictField(
        child=serializers.CharField(max_length=40), required=False, help_text='Product id → value: {"P-1": "450.00"}.'
    )


class QuoteLine(serializers.Serializer):
    """What a line costs and earns."""

    product_id = serializers.CharField()
    title = serializers.CharField()
    total = serializers.CharField()
    earns = serializers.IntegerField()


class QuoteOut(serializers.Serializer):
    """What an order would earn and how many bonuses may pay for it."""

    currency = serializers.CharField()
    total = serializers.CharField()
    available = serializers.IntegerField(help_text="Bonuses that the client has now.")
    most = serializers.IntegerField(help_text="Bonuses that may be spent on it.")
    most_worth = serializers.CharField()
    bound = serializers.CharField(
        help_text="What keeps `most` where it is: none, balance, share, goods, minimum, block."
    )
    spend = serializers.IntegerField(help_text="Bonuses that this quote counts with.")
    spend_worth = serializers.CharField()
    to_pay = serializers.CharField()
    earns = serializers.IntegerField()
    lines = QuoteLine(many=True)


def quote(found: Quote) -> dict[str, Any]:
    """What `QuoteOut` shows."""
    currency = current().currency

    def text(minor: int) -> str:
        return f"{major(minor, currency):f}"

    return {
        "currency": currency,
        "total": text(found.total),
        "available": found.available,
        "most": found.limit.bonuses,
        "most_worth": text(found.limit.money),
        "bound": str(found.limit.bound.value),
        "spend": found.spend,
        "spend_worth": text(found.spend_money),
        "to_pay": text(found.to_pay),
        "earns": found.earned.bonuses,
        "lines": [
            {
                "product_id": item.external_id,
                "title": item.title,
                "total": text(item.total),
                "earns": result.bonuses,
            }
            for item, result in zip(found.items, found.earned.lines, strict=True)
        ],
    }


class OrderLineOut(Row):
    """A line. Sums are decimal text of the order's currency."""

    product = serializers.IntegerField(source="product_id", allow_null=True, read_only=True)
    quantity = serializers.DecimalField(12, 3, normalize_output=True, read_only=True)
    price = serializers.SerializerMethodField()
    total = serializers.SerializerMethodField()

    class Meta:
        model = OrderLine
        fields = ("product", "title", "quantity", "price", "total")

    def get_price(self, line: OrderLine) -> str:
        return f"{major(line.price, self._currency()):f}"

    def get_total(self, line: OrderLine) -> str:
        return f"{major(line.total, self._currency()):f}"

    def _currency(self) -> str:
        return self.context["currency"]


class OrderBonuses(serializers.Serializer):
    """The bonus side of an order."""

    held = serializers.IntegerField(help_text="Set aside until it is paid.")
    held_until = Moment(allow_null=True)
    spent = serializers.IntegerField()
    returned = serializers.IntegerField(help_text="Of the spent ones, given back by refunds.")
    earned = serializers.IntegerField()
    taken_back = serializers.IntegerField(help_text="Of the earned ones.")


class OrderOut(Row):
    """An order. Sums are decimal text of its currency."""

    source = serializers.CharField(source="source.slug", read_only=True)
    client = serializers.IntegerField(source="client_id", allow_null=True, read_only=True)
    total = serializers.SerializerMethodField()
    discount = serializers.SerializerMethodField()
    refunded = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()
    bonuses = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = (
            "id",
            "source",
            "external_id",
            "number",
            "client",
            "status",
            "currency",
            "total",
            "discount",
            "refunded",
            "lines",
            "bonuses",
            "ordered_at",
            "paid_at",
        )

    def get_total(self, order: Order) -> str:
        return f"{major(order.total, order.currency):f}"

    def get_discount(self, order: Order) -> str:
        return f"{major(order.discount, order.currency):f}"

    def get_refunded(self, order: Order) -> str:
        return f"{major(order.refunded, order.currency):f}"

    @extend_schema_field(OrderLineOut(many=True))
    def get_lines(self, order: Order) -> Any:
        found = sorted(order.lines.all(), key=lambda line: line.position)
        return OrderLineOut(found, many=True, context={"currency": order.currency}).data

    @extend_schema_field(OrderBonuses)
    def get_bonuses(self, order: Any) -> Any:
        purchase = getattr(order, "purchase", None)
        held = purchase.hold if purchase and purchase.hold and purchase.hold.state == BonusHold.State.OPEN else None
        shown = {
            "held": held.amount if held else 0,
            "held_until": held.deadline if held else None,
            "spent": purchase.spent if purchase else 0,
            "returned": purchase.returned if purchase else 0,
            "earned": purchase.earned if purchase else 0,
            "taken_back": purchase.clawed if purchase else 0,
        }
        return OrderBonuses(shown).data
