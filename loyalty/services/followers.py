"""What follows for clients' belongings from facts that were just recorded, in their transaction."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.intake.facts import Fact
from loyalty.models import Order
from loyalty.services import promo, quests, referrals


def follow(
    told: Sequence[tuple[Fact, int | None]],
    created: set[int],
    order_ids: Sequence[int],
    merged: Sequence[int],
    now: datetime,
) -> None:
    """Gives back the promo codes of cancelled orders; notes who was brought by whom, and what came back; counts quests.

    `created`: clients that these facts made; `order_ids`: orders that they changed; `merged`: clients whom others
    turned out to be.
    """
    cancelled = [
        (fact.order.external_id, client)
        for fact, client in told
        if fact.order and fact.order.status == Order.Status.CANCELLED
    ]
    promo.cancel_for_orders(cancelled, now)
    referrals.attribute(told, created, now)
    referrals.returned(order_ids, now)
    quests.follow(order_ids, merged, now)
