"""Which goods are on promo: their price is below the one before, as long as that holds."""

from datetime import datetime

from django.db.models import F, Q

from loyalty.models import Product


def on_promo(now: datetime) -> Q:
    """Products on promo at `now` (UTC)."""
    return Q(old_price__gt=F("price")) & (Q(old_price_until=None) | Q(old_price_until__gt=now))


def not_on_promo(now: datetime) -> Q:
    """All the others, those without a price among them."""
    return Q(old_price=None) | Q(price=None) | Q(old_price__lte=F("price")) | Q(old_price_until__lte=now)


def promo_price(product: Product, now: datetime) -> int | None:
    """What a promo item cost before, in minor units; None where it is none."""
    before, until = product.old_price, product.old_price_until
    if before is None or product.price is None or before <= product.price or (until is not None and until <= now):
        return None
    return before
