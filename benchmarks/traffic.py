"""What a shop's site sends through the tracking API in a day, made up: the same for product and floor.

Half of the visitors are known before; of the new ones most tell who they are. A visitor's calls all go through
one of the connections, in order, as through one server of the shop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

PRODUCTS = 2000
BATCH = 100  # calls in one request
CONNECTIONS = 4
OVERLAP = 200  # visitors of one connection who are on the site at the same time

Call = dict[str, Any]


@dataclass(frozen=True)
class Visitor:
    """Somebody on the site."""

    number: int
    known: bool

    @property
    def anonymous(self) -> str:
        return f"7b3c1f7e-9d1a-4b0e-{self.number:012d}"

    @property
    def user(self) -> str:
        return f"U-{self.number}"

    def traits(self) -> dict[str, Any]:
        """What an identify call says."""
        told = {
            "email": f"visitor{self.number}@example.com",
            "firstName": ("Anna", "Иван", "Maria", "Пётр")[self.number % 4],
            "lastName": "Example",
            "city": "Riga",
            "marketing_consent": True,
        }
        return told | ({"phone": f"+7 921 {self.number % 10_000_000:07d}"} if self.number % 2 else {})


def product(number: int) -> dict[str, Any]:
    """A product as the site shows it."""
    return {
        "product_id": f"P-{number}",
        "sku": f"SKU-{number}",
        "name": f"Tea cup number {number}",
        "brand": f"Brand {number % 50}",
        "category": f"Category {number % 40}",
        "price": 100 + number % 900,
        "currency": "RUB",
        "url": f"https://shop.example.com/p/{number}",
        "image_url": f"https://shop.example.com/i/{number}.jpg",
    }


def catalogue(at: datetime) -> list[Call]:
    """A view of every product: the catalogue is known before the day begins."""
    return [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"catalogue-{number}",
            "timestamp": at.isoformat(),
            "anonymousId": "crawler",
            "properties": product(number),
        }
        for number in range(PRODUCTS)
    ]


class Day:
    """An endless stream of calls, always the same; `first` is where its visitors are numbered from."""

    def __init__(self, began: datetime, first: int = 0) -> None:
        self._random = Random(7)
        self.visitors = first
        self._calls = 0
        self._clock = began
        self._streams = [self._stream() for _ in range(CONNECTIONS)]

    def batches(self, number: int) -> list[list[list[Call]]]:
        """For each connection `number` batches of calls."""
        return [[[next(stream) for _ in range(BATCH)] for _ in range(number)] for stream in self._streams]

    def _stream(self) -> Iterator[Call]:
        """The calls of one connection: those of many visits, mixed."""
        visits: list[Iterator[Call]] = []
        while True:
            while len(visits) < OVERLAP:
                visits.append(self._visit())
            at = self._random.randrange(len(visits))
            try:
                yield next(visits[at])
            except StopIteration:
                visits[at] = visits[-1]
                visits.pop()

    def _visit(self) -> Iterator[Call]:
        self.visitors += 1
        visitor = Visitor(self.visitors, known=self.visitors % 2 == 0)
        named = visitor.known
        goods = [product(self._random.randrange(PRODUCTS)) for _ in range(self._random.randint(2, 4))]
        for shown in goods:
            yield self._call(visitor, named, type="track", event="Product Viewed", properties=shown)
        if self._random.random() < 0.6:
            yield self._call(
                visitor, named, type="track", event="Product Added", properties=goods[-1] | {"quantity": 2}
            )
        if self._random.random() < (0.1 if visitor.known else 0.7):
            named = True
            yield self._call(visitor, named, type="identify", traits=visitor.traits())
        if named and self._random.random() < 0.35:
            bought = [shown | {"quantity": 1 + n} for n, shown in enumerate(goods[-2:])]
            order = {
                "order_id": f"O-{visitor.number}",
                "total": sum(line["price"] * line["quantity"] for line in bought),
                "currency": "RUB",
                "products": bought,
            }
            yield self._call(visitor, named, type="track", event="Order Completed", properties=order)

    def _call(self, visitor: Visitor, named: bool, **values: Any) -> Call:
        self._calls += 1
        self._clock += timedelta(milliseconds=1)
        call = {
            "messageId": f"message-{self._calls:010d}",
            "timestamp": self._clock.isoformat(),
            "anonymousId": visitor.anonymous,
            "context": {
                "library": {"name": "analytics.js", "version": "4.1.0"},
                "locale": "ru-RU",
                "page": {"url": "https://shop.example.com/", "title": "Shop"},
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
            },
        }
        return call | ({"userId": visitor.user} if named else {}) | values


def known(first: int, last: int, at: datetime) -> list[Call]:
    """Identify calls of those visitors of a range who are known before."""
    return [
        {
            "type": "identify",
            "messageId": f"known-{number}",
            "timestamp": at.isoformat(),
            "anonymousId": visitor.anonymous,
            "userId": visitor.user,
            "traits": visitor.traits(),
        }
        for number in range(first + first % 2, last + 1, 2)
        for visitor in [Visitor(number, known=True)]
    ]


def body(calls: list[Call], at: datetime) -> bytes:
    """The request's body."""
    return orjson.dumps({"sentAt": at.isoformat(), "batch": calls})
