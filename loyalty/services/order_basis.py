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

    amount: Decimal
    foreign: bool = False


def of_events(event_ids: Collection[int]) -> dict[int, Basis]:
    """By event, what was paid in money for its order and has not come back; events without an order are absent.

    Discounts are off already; what was paid with bonuses is taken off here, unless the shop has done so itself.
    """
    if not event_ids:
        return {}
    settings = programme.current()
    spending = programme.spending(settings)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.id, o.currency, o.total, o.refunded, o.bonuses_spent, p.bill
               FROM loyalty_event e
               JOIN loyalty_order o ON o.source_id = e.source_id AND o.external_id = e.payload ->> 'order_id'
               LEFT JOIN loyalty_purchase p ON p.order_id = o.id
               WHERE e.id = ANY(%s) AND o.status <> 'cancelled'""",
            [list(event_ids)],
        )
        found = {}
        for event_id, currency, total, refunded, spent, bill in cursor.fetchall():
            paid = spending.money(spent)
            if bill is not None:
                paid = max(paid - max(bill - total, 0), 0)
            foreign = currency != settings.currency
            found[event_id] = Basis(
                Decimal(0) if foreign else major(max(total - refunded - paid, 0), currency), foreign
            )
        return found
