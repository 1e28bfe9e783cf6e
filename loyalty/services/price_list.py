"""What the catalogue says of prices and stock, and what is news in it. Pure: no database, no clock.

Only the catalogue's own words (`WORDS`) make history: a line of an order may carry a personal price, and an old page
that somebody left open an old one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from loyalty.intake.facts import Fact, ProductFact
from loyalty.models import ProductChange

Kind = ProductChange.Kind

WORDS = frozenset({"product.published", "product.updated", "product.price_changed"})
# For so long a price that fell is a promo price where the shop names no regular one.
PROMO = timedelta(days=30)
# News of longer ago is history: nobody is told that something was cheaper last month.
FRESH = timedelta(days=3)


# A stock above it is no news to anybody, however it falls.
FEW = 100  # pieces


@dataclass(slots=True)
class Listing:
    """How the catalogue has a product. Prices in minor units of `currency`."""

    price: int | None = None
    currency: str = ""
    in_stock: bool | None = None
    old_price: int | None = None
    old_price_until: datetime | None = None
    published_at: datetime | None = None
    told_at: datetime | None = None
    stock: int | None = None
    # What changed, as columns of ProductChange, oldest first.
    changes: list[dict[str, Any]] = field(default_factory=list)


def is_word(fact: Fact) -> bool:
    """Whether the catalogue itself speaks."""
    return fact.name in WORDS


def hear(listing: Listing, words: Iterable[tuple[Fact, ProductFact]], now: datetime) -> None:
    """Brings the listing up to date with words of the catalogue, whatever order they arrive in, and notes the news."""
    for fact, said in sorted(words, key=lambda word: word[0].occurred_at):
        at = fact.occurred_at
        news = fact.triggers and now - at <= FRESH
        if fact.name == "product.published" and listing.published_at is None:
            listing.published_at = at
            _note(listing, Kind.PUBLISHED, None, None, at, news)
        if listing.told_at and at < listing.told_at:
            continue
        _hear_price(listing, fact, said, news)
        if said.in_stock is not None and said.in_stock != listing.in_stock:
            if listing.told_at:
                _note(listing, Kind.STOCK, int(not said.in_stock), int(said.in_stock), at, news and said.in_stock)
            listing.in_stock = said.in_stock
        _hear_left(listing, said, at, news)
        listing.told_at = at


def _hear_left(listing: Listing, said: ProductFact, at: datetime, news: bool) -> None:
    """Pieces left: noted where they fall to few; every single sale would be no news but a load."""
    left = 0 if said.in_stock is False else said.stock
    if left is None:
        return
    fell = listing.stock is not None and left < listing.stock and left <= FEW
    if fell and listing.told_at:
        _note(listing, Kind.LEFT, listing.stock, left, at, news and left > 0)
    if said.stock is not None or listing.stock is not None:
        listing.stock = left


def _hear_price(listing: Listing, fact: Fact, said: ProductFact, news: bool) -> None:
    if said.price is None:
        return
    at, price = fact.occurred_at, said.price
    # Before the catalogue spoke for the first time, the price was somebody's guess; unless it says that it changed.
    known = listing.price if listing.told_at or fact.name == "product.price_changed" else None
    before = known if listing.currency in ("", said.currency) and known is not None else said.old_price
    _cross_out(listing, before, said, at)
    if before != price or listing.told_at is None:
        drop = Decimal(0) if before is None or before <= price else _percent(before, price)
        _note(
            listing, Kind.PRICE, before, price, at, news and drop > 0, currency=said.currency, drop_percent=drop or None
        )
    listing.price, listing.currency = price, said.currency or listing.currency


def _cross_out(listing: Listing, before: int | None, said: ProductFact, at: datetime) -> None:
    """The price before: what the shop calls regular, else what the price fell from, for a while."""
    price = said.price or 0
    until = listing.old_price_until
    if until and until <= at:
        listing.old_price = listing.old_price_until = None
    if said.regular_price is not None:
        listing.old_price = said.regular_price if said.regular_price > price else None
        listing.old_price_until = None
    elif before is not None and price < before:
        listing.old_price, listing.old_price_until = max(listing.old_price or 0, before), at + PROMO
    elif listing.old_price is not None and price >= listing.old_price:
        listing.old_price = listing.old_price_until = None
    elif listing.old_price is not None and listing.old_price_until is None:
        # The shop has stopped naming a regular price.
        listing.old_price_until = at + PROMO


def _percent(before: int, after: int) -> Decimal:
    return (Decimal(before - after) * 100 / before).quantize(Decimal("0.01"), ROUND_FLOOR)


def _note(
    listing: Listing, kind: Kind, before: int | None, after: int | None, at: datetime, news: bool, **more: Any
) -> None:
    columns = {"kind": kind.value, "before": before, "after": after, "at": at, "spread": not news}
    listing.changes.append(columns | {"currency": "", "drop_percent": None} | more)
