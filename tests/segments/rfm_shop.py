"""A shop with buyers for the tests of RFM; nothing here asserts."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from loyalty.models import Client, Order, Source
from tests import builders as b
from tests.builders import NOW

_numbers = count(1)


def shop() -> Source:
    """The source of all orders."""
    found = Source.objects.filter(slug="rfm-shop").first()
    return found or b.source(slug="rfm-shop")


def order(about: Client | None, at: datetime, total: int = 100_00, **values: Any) -> Order:
    """A paid order; money in minor units."""
    values = {"status": Order.Status.PAID, "currency": "RUB", "changed_at": at} | values
    return Order.objects.create(
        source=shop(), external_id=f"o{next(_numbers)}", client=about, ordered_at=at, total=total, **values
    )


def buyer(days_ago: int = 1, times: int = 1, total: int = 100_00, now: datetime = NOW, **values: Any) -> Client:
    """A client who bought so many times, last so many days before `now`."""
    made = b.client(consent=False)
    for number in range(times):
        order(made, now - timedelta(days=days_ago + number), total, **values)
    return made


def base(now: datetime = NOW) -> list[Client]:
    """Five buyers, one for each score: the first is the best by recency, frequency and money."""
    return [buyer(1 + 20 * i, 9 - i, 1000_00 - i * 100_00, now) for i in range(5)]
