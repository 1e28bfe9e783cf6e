"""What the orders that events tell of were worth to the shop: the basis of a percent (semantics §40)."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from loyalty.money import major
from loyalty.services import programme


@dataclass(frozen=True, slots=True)
class Basis:
    """Money in units of the currency; `amount` is 0 where the order is in another currency than the programme."""

    order_id: int
    amount: Decimal
    foreign: bool = False


def of_events(event_ids: Collection[int]) -> dict[int, Basis]:
    """By event, what was paid in money for its order and has not come back; events without an order are absent.

    Discounts are off already; what was paid with bonuses is taken off here, unless the shop has done so itself.
    """
    return _found(_OF_EVENTS, event_ids)


def of_orders(order_ids: Collection[int]) -> dict[int, Basis]:
    """The same by order; a cancelled one is absent."""
    return _found(_OF_ORDERS, order_ids)


_COLUMNS = "o.id, o.currency, o.total, o.refunded, o.bonuses_spent, p.bill"
_OF_EVENTS = f"""
SELECT e.id, {_COLUMNS} FROM loyalty_event e
JOIN loyalty_order o ON o.source_id = e.source_id AND o.external_id = e.payload ->> 'order_id'
LEFT JOIN loyalty_purchase p ON p.order_id = o.id
WHERE e.id = ANY(%s) AND o.status <> 'cancelled'"""  # noqa: S608 (a fixed text)
_OF_ORDERS = f"""
SELECT o.id, {_COLUMNS} FROM loyalty_order o LEFT JOIN loyalty_purchase p ON p.order_id = o.id
WHERE o.id = ANY(%s) AND o.status <> 'cancelled'"""  # noqa: S608 (a fixed text)


def _found(sql: str, ids: Collection[int]) -> dict[int, Basis]:
    if not ids:
        return {}
    settings = programme.current()
    spending = programme.spending(settings)
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(ids)])
        found = {}
        for key, order_id, currency, total, refunded, spent, bill in cursor.fetchall():
            paid = spending.money(spent)
            if bill is not None:
                paid = max(paid - max(bill - total, 0), 0)
            foreign = currency != settings.currency
            worth = Decimal(0) if foreign else major(max(total - refunded - paid, 0), currency)
            found[key] = Basis(order_id, worth, foreign)
        return found
