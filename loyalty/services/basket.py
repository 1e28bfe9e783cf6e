"""Goods as the rules of the programme see them. Pure: no database, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order. `total`: what it costs after the shop's discounts, before bonuses, in minor units."""

    total: int
    title: str = ""
    # The product's id in its shop, and the ids of our rows where they are known.
    external_id: str = ""
    product: int | None = None
    category: int | None = None
    brand: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """A choice of goods: by category, by product or by brand."""

    categories: frozenset[int] = frozenset()
    products: frozenset[int] = frozenset()
    brands: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.categories or self.products or self.brands)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, Item) and (
            item.category in self.categories
            or item.product in self.products
            or bool(item.brand)
            and item.brand.casefold() in self.brands
        )


def brands(text: str) -> frozenset[str]:
    """The brands of a text field, one a line, whatever their case."""
    return frozenset(line.strip().casefold() for line in text.splitlines() if line.strip())


def total(items: Iterable[Item]) -> int:
    """What the goods cost together."""
    return sum(item.total for item in items)
