"""Recommended goods as messages and pages show them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from loyalty.intake import read
from loyalty.models import Product
from loyalty.services.promo_items import promo_price


def cards(product_ids: Iterable[int], now: datetime) -> dict[int, dict[str, Any]]:
    """The products by id: product_id, sku, title, brand, category, price, old_price, currency, url, image_url.

    Prices are decimal text, None where nobody told them; `old_price` only of promo items. One query.
    """
    rows = Product.objects.filter(pk__in=list(product_ids)).select_related("category")
    return {row.pk: card(row, now) for row in rows}


def card(product: Product, now: datetime) -> dict[str, Any]:
    """One product, as `cards` shows it."""
    return {
        "product_id": product.external_id,
        "sku": product.sku,
        "title": product.title,
        "brand": product.brand,
        "category": product.category.name if product.category else "",
        "price": _sum(product.price, product.currency),
        "old_price": _sum(promo_price(product, now), product.currency),
        "currency": product.currency,
        "url": product.url,
        "image_url": product.image_url,
    }


def _sum(amount: int | None, currency: str) -> str | None:
    return None if amount is None or currency not in read.EXPONENTS else read.in_units(amount, currency)
