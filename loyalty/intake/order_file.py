"""Order lines from a shop's file → facts (docs/imports.md). Knows nothing of the database.

An invoice is an order. One whose number is a letter and digits may be a credit note (`refund_prefix`): it gives money
back for earlier purchases and does not say for which, so it is a fact of its own that touches no order; or an
adjustment of the books (`adjustment_prefix`): nobody bought anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from loyalty.intake import goods, read
from loyalty.intake.facts import Fact, Line, OrderFact, ProductFact, Refused, Who
from loyalty.models import Order

# Our names of the columns → the UCI "Online Retail" layout, a common export; `--map` says others.
COLUMNS = {
    "order": "InvoiceNo",
    "sku": "StockCode",
    "title": "Description",
    "quantity": "Quantity",
    "ordered_at": "InvoiceDate",
    "price": "UnitPrice",
    "client": "CustomerID",
    "country": "Country",
}
NEEDED = frozenset({"order", "sku", "quantity", "ordered_at", "price"})
# Stock codes of what is no good on a shelf: postage, carriage, manual entries, discounts, samples, fees, charity.
SERVICES = ("POST", "DOT", "C2", "M", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK")
# One order is held in memory at a time. More lines mean a wrong column for its number.
MAX_LINES = 10_000
# Spreadsheets and pandas turn a column of whole numbers with gaps into floats: 17850.0.
_FLOAT_ID = re.compile(r"([0-9]+)\.0+\Z")


@dataclass(slots=True, frozen=True)
class Layout:
    """How a file is to be read. `columns`: our name → the header's. Times that name no zone are of `zone`."""

    currency: str
    zone: tzinfo
    columns: dict[str, str] = field(default_factory=lambda: dict(COLUMNS))
    date_format: str = ""
    refund_prefix: str = "C"
    adjustment_prefix: str = "A"
    services: frozenset[str] = frozenset(SERVICES)


class OrderLine(NamedTuple):
    """One good line. Money in minor units; a credit note's quantity and total are what was given back: positive."""

    line: int
    order_id: str
    refund: bool
    sku: str
    title: str
    quantity: Decimal
    price: int
    total: int
    ordered_at: datetime
    client: str
    country: str


class LineReader:
    """Reads rows of one file."""

    def __init__(self, position: dict[str, int], layout: Layout, now: datetime) -> None:
        self._position = position
        self._layout = layout
        self._now = now
        self._columns = layout.columns
        self._last_time: tuple[str, datetime] | None = None

    def read(self, line: int, values: list[str]) -> OrderLine:
        """The row's order line. Raises Refused naming the file's own column (semantics §1–2)."""
        layout, names = self._layout, self._columns
        order_id = read.required(read.identifier(self._value("order", values), names["order"]), names["order"])
        if prefixed(order_id, layout.adjustment_prefix):
            raise Refused(names["order"], _("is an adjustment of the books, not a sale"))
        refund = prefixed(order_id, layout.refund_prefix)
        quantity = self._quantity(values, refund)
        each = read.decimal(self._number("price", values), names["price"])
        price = read.money(self._number("price", values), layout.currency, names["price"])
        return OrderLine(
            line=line,
            order_id=order_id,
            refund=refund,
            sku=read.required(read.identifier(self._value("sku", values), names["sku"]), names["sku"]),
            title=read.text(self._value("title", values), names["title"], cut=True),
            quantity=quantity,
            price=price or 0,
            total=self._total(each, quantity),
            ordered_at=self._time(values),
            client=self._client(values),
            country=read.text(self._value("country", values), names["country"], 100, cut=True),
        )

    def _value(self, name: str, values: list[str]) -> str:
        position = self._position.get(name)
        return "" if position is None else values[position]

    def _number(self, name: str, values: list[str]) -> str:
        value = read.required(self._value(name, values).strip(), self._columns[name])
        # Where semicolons part the fields, commas part the decimals.
        return value if "." in value else value.replace(",", ".")

    def _quantity(self, values: list[str], refund: bool) -> Decimal:
        column = self._columns["quantity"]
        number = read.decimal(self._number("quantity", values), column)
        if not number:
            raise Refused(column, _("is zero"))
        if refund and number > 0:
            raise Refused(column, _("must be negative in a credit note"))
        if number < 0 and not refund:
            raise Refused(column, _("is negative and this is no credit note (a stock correction?)"))
        return read.quantity(str(abs(number)), column)

    def _total(self, each: Decimal, quantity: Decimal) -> int:
        total = (each * quantity).scaleb(read.EXPONENTS[self._layout.currency])
        if total > read.MAX_AMOUNT:
            raise Refused(self._columns["quantity"], _("is too large"))
        return int(total.quantize(Decimal(1), ROUND_HALF_UP))

    def _time(self, values: list[str]) -> datetime:
        given = self._value("ordered_at", values).strip()
        if self._last_time and self._last_time[0] == given:
            return self._last_time[1]
        column = self._columns["ordered_at"]
        form = self._layout.date_format
        try:
            parsed = datetime.strptime(given, form) if form else datetime.fromisoformat(given)  # noqa: DTZ007 (below)
        except ValueError:
            raise Refused(column, _("is no date and time in the expected form")) from None
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=self._layout.zone)
        moment = read.moment(parsed.isoformat(), column, self._now) or self._now
        self._last_time = given, moment
        return moment

    def _client(self, values: list[str]) -> str:
        given = read.identifier(self._value("client", values), self._columns["client"])
        whole = _FLOAT_ID.match(given)
        return whole[1] if whole else given


def prefixed(order_id: str, prefix: str) -> bool:
    """Whether the number is this prefix and then digits alone: C536379, never CA-1001."""
    rest = order_id.removeprefix(prefix)
    return bool(prefix) and rest != order_id and rest.isdigit()


def weigh(lines: Sequence[OrderLine], layout: Layout) -> tuple[list[OrderLine], list[tuple[int, Refused]]]:
    """What one order's lines are together: those that stay, and those that do not, each with its number and why."""
    client = next((line.client for line in lines if line.client), "")
    kept = [line for line in lines if line.client in ("", client)]
    other = Refused(layout.columns["client"], _("differs from the order's first client"))
    refused = [(line.line, other) for line in lines if line.client not in ("", client)]
    if sum(line.total for line in kept) > read.MAX_AMOUNT:
        too_much = Refused(layout.columns["price"], _("makes the order's sum too large"))
        return [], refused + [(line.line, too_much) for line in kept]
    # A gift inside an order, or to a client, is a line at no price; all at no price for nobody is no sale.
    if not client and not any(line.total for line in kept):
        nothing = Refused(layout.columns["price"], _("is zero in the whole order, of no client (a stock correction?)"))
        return [], refused + [(line.line, nothing) for line in kept]
    return kept, refused


def total(lines: Sequence[OrderLine]) -> int:
    """What the lines cost together, in minor units."""
    return sum(line.total for line in lines)


def created_key(order_id: str) -> str:
    """The unique key of an order's first event: the same that the shop's webhook would have."""
    return read.key(f"order.created:{order_id}")


def refund_key(refund_id: str) -> str:
    """The unique key of a credit note's event."""
    return read.key(f"refund:{refund_id}")


def order_facts(
    lines: Sequence[OrderLine], layout: Layout, paid: bool, triggers: bool, corrected_at: datetime | None = None
) -> list[Fact]:
    """An order as it happened: placed and, where `paid`, paid at once. `corrected_at`: instead, an order recorded
    before is now as these lines say. The time and the client are the first line's that has one."""
    first = lines[0]
    order_id, ordered_at = first.order_id, first.ordered_at
    status = Order.Status.PAID.value if paid else Order.Status.CREATED.value
    goods_lines = _lines(lines, layout)
    order = OrderFact(
        external_id=order_id,
        changed_at=corrected_at or ordered_at,
        status=status,
        number=order_id[:100],
        currency=layout.currency,
        total=total(lines),
        lines=goods_lines,
        ordered_at=ordered_at,
    )
    payload = goods.order_payload(
        order_id,
        layout.currency,
        order.total,
        0,
        goods_lines,
        number=order.number,
        status=status,
        country=first.country,
    )
    who = Who(external_id=_client_of(lines))

    def fact(key: str, name: str, at: datetime, state: OrderFact | None = None) -> Fact:
        return Fact(key, name, at, who=who, payload=payload, order=state, triggers=triggers)

    if corrected_at:
        key = read.key(f"order.updated:{order_id}:{corrected_at.isoformat()}")
        return [fact(key, "order.updated", corrected_at, order)]
    facts = [fact(created_key(order_id), "order.created", ordered_at, order)]
    if paid:
        facts.append(fact(read.key(f"order.paid:{order_id}"), "order.paid", ordered_at))
    return facts


def refund_fact(lines: Sequence[OrderLine], layout: Layout, triggers: bool) -> Fact:
    """A credit note: `order.refunded` of its client that names no order and changes none."""
    first = lines[0]
    back = _lines(lines, layout)
    payload = {
        "refund_id": first.order_id,
        "refunded": read.in_units(total(lines), layout.currency),
        "currency": layout.currency,
        "lines": goods.line_payloads(back, layout.currency),
    }
    if first.country:
        payload["country"] = first.country
    return Fact(
        external_id=refund_key(first.order_id),
        name="order.refunded",
        occurred_at=first.ordered_at,
        who=Who(external_id=_client_of(lines)),
        payload=payload,
        triggers=triggers,
    )


def _client_of(lines: Sequence[OrderLine]) -> str:
    return next((line.client for line in lines if line.client), "")


def _lines(lines: Sequence[OrderLine], layout: Layout) -> list[Line]:
    return [Line(_product(line, layout), line.quantity, line.price, line.total) for line in lines]


def _product(line: OrderLine, layout: Layout) -> ProductFact:
    """The product; a service has no id, so that it never becomes one: its line stands without a product."""
    service = is_service(line.sku, layout)
    return ProductFact(
        external_id="" if service else line.sku,
        sku=line.sku,
        title=line.title,
        price=line.price or None,
        currency=layout.currency,
    )


def is_service(sku: str, layout: Layout) -> bool:
    """Whether this stock code names no product."""
    return sku.upper() in layout.services
