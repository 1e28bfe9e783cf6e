"""News of products that may start scenarios: cheaper, back in stock, new (mechanics T16, T19, X1)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from loyalty.intake import read
from loyalty.models import ProductChange

Kind = ProductChange.Kind


@dataclass(frozen=True, slots=True)
class News:
    """One piece of news. `id` names it for ever: an occurrence may be `product:<id>`.

    `payload` is what messages say: product_id, sku, title, brand, category, price, currency, url, image_url, in_stock,
    and of a price that fell old_price and percent (decimal text).
    """

    id: int
    kind: Kind
    product: int
    category: int | None
    source: int
    at: datetime
    drop_percent: Decimal
    payload: dict[str, Any]


def claim(kinds: Collection[Kind], limit: int = 1000) -> list[News]:
    """Takes news of these kinds that nobody has spread yet, oldest first; two callers never get the same.

    Claimed is spread: call inside the transaction that writes what follows. What is no news any more (the price rose
    again, the product is sold out or gone) is claimed and left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH claimed AS (
                 SELECT id FROM loyalty_productchange WHERE NOT spread AND kind = ANY(%s)
                 ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED),
               change AS (
                 UPDATE loyalty_productchange SET spread = true FROM claimed
                 WHERE loyalty_productchange.id = claimed.id RETURNING loyalty_productchange.*)
               SELECT n.id, n.kind, n.product_id, p.category_id, p.source_id, n.at, coalesce(n.drop_percent, 0),
                      p.external_id, p.sku, p.title, p.brand, coalesce(c.name, ''), p.price, p.currency, p.url,
                      p.image_url, p.in_stock, n.before
               FROM change n JOIN loyalty_product p ON p.id = n.product_id
               LEFT JOIN loyalty_category c ON c.id = p.category_id
               WHERE p.in_stock AND (n.kind <> 'price' OR p.price < n.before)
               ORDER BY n.id""",
            [[kind.value for kind in kinds], limit],
        )
        return [_news(row) for row in cursor.fetchall()]


def _news(row: tuple[Any, ...]) -> News:
    number, kind, product, category, source, at, percent, *told, before = row
    names = ("product_id", "sku", "title", "brand", "category", "price", "currency", "url", "image_url", "in_stock")
    payload = dict(zip(names, told, strict=True))
    price, currency = payload["price"], payload["currency"]
    payload["price"] = None if price is None else read.in_units(price, currency)
    if kind == Kind.PRICE:
        # By today's price: it may have fallen further since.
        payload["old_price"] = read.in_units(before, currency)
        percent = Decimal(before - price) * 100 / before
        payload["percent"] = f"{percent:.0f}"
    return News(number, Kind(kind), product, category, source, at, percent, payload)


def drop_stale(before: datetime) -> int:
    """Gives up news recorded before this moment that no scenario asked for; returns how many."""
    return ProductChange.objects.filter(spread=False, recorded_at__lt=before).update(spread=True)
