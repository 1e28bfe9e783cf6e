"""Bonuses that scenarios gave as a percent of an order, and what returns take back of them (semantics §35).

What is kept depends on nothing but what the order is worth now, so any sequence of partial returns comes to the same
as one of them all. The accounts' locks make giving and taking back queue, whichever comes first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _

from loyalty.models import BonusOperation, OrderBonus, Programme
from loyalty.services import ledger, order_basis, programme

# Of what is taken back here, in the ledger's books: returns of orders are settled under this name.
SOURCE = "orders"
_ROUNDING = {
    Programme.Rounding.FLOOR: ROUND_FLOOR,
    Programme.Rounding.HALF_UP: ROUND_HALF_UP,
    Programme.Rounding.CEILING: ROUND_CEILING,
}


@dataclass(frozen=True, slots=True)
class Given:
    """An accrual that was posted under `key` as a percent of an order; `amount` in minor units of the programme."""

    key: str
    order_id: int
    percent: Decimal
    amount: int


def minor(amount: Decimal, settings: Programme) -> int:
    """Bonuses in minor units, rounded once as the programme rounds (semantics §30)."""
    rounding = _ROUNDING[Programme.Rounding(settings.rounding)]
    return int(amount.scaleb(settings.bonus_scale).to_integral_value(rounding))


def note(source: str, given: Sequence[Given], now: datetime) -> None:
    """Remembers accruals that were just posted, in their transaction, so that returns find them.

    The order may have come back since its worth was read: the accounts are locked by the posting, so what is seen
    now is the truth, and what is no longer deserved is taken back at once.
    """
    if not given:
        return
    posted = dict(
        BonusOperation.objects.filter(source=source, key__in=[one.key for one in given]).values_list("key", "pk")
    )
    OrderBonus.objects.bulk_create(
        [
            OrderBonus(
                order_id=one.order_id,
                operation_id=posted[one.key],
                percent=one.percent,
                amount=one.amount,
                kept=one.amount,
            )
            for one in given
        ],
        ignore_conflicts=True,
    )
    take_back({one.order_id for one in given}, now)


def take_back(order_ids: Collection[int], now: datetime) -> None:
    """Takes back what the orders no longer deserve: two queries, and a posting for each accrual that shrinks.

    Call with the clients' accounts locked, after what was spent on the orders has been returned.
    """
    rows = list(OrderBonus.objects.filter(order__in=order_ids, kept__gt=0).select_related("order").order_by("pk"))
    if not rows:
        return
    worth, settings = order_basis.of_orders({row.order_id for row in rows}), programme.current()
    for row in rows:
        basis = worth.get(row.order_id)
        deserved = minor(basis.amount * row.percent / 100, settings) if basis else 0
        if deserved >= row.kept:
            continue
        key, reason = f"clawback:{row.order_id}:percent:{row.pk}:{deserved}", _("Return of order %s") % row.order
        ledger.clawback(SOURCE, row.operation_id, deserved, key, now, reason)
        row.kept = deserved
        row.save(update_fields=["kept"])
