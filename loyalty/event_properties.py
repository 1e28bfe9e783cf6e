"""What the events of shops may say, by name (docs/events.md): the properties that their payload is read for.

A shop may say more, and events of its own say what they say: what was really seen is asked of the stream
(`seen`).
"""

from collections.abc import Collection, Mapping

from django.db import connection

_CART = frozenset({"cart_token", "lines", "currency", "checkout_url", "updated_at"})
_ORDER = frozenset(
    {"order_id", "total", "discount", "currency", "lines", "number", "status", "cart_token", "coupons", "ordered_at",
     "updated_at"}
)  # fmt: skip
_PRODUCT = frozenset(
    {"product_id", "sku", "title", "brand", "category", "category_id", "price", "regular_price", "currency", "url",
     "image_url", "in_stock", "stock"}
)  # fmt: skip

PROPERTIES: Mapping[str, frozenset[str]] = {
    "cart.updated": _CART | {"change"},
    "cart.cleared": _CART,
    "cart.viewed": _CART,
    "checkout.started": _CART,
    "order.created": _ORDER,
    "order.paid": _ORDER,
    "order.updated": _ORDER,
    "order.cancelled": _ORDER,
    "order.refunded": _ORDER | {"refund_id", "refunded"},
    "product.viewed": _PRODUCT,
    "product.published": _PRODUCT,
    "product.updated": _PRODUCT,
    "product.price_changed": _PRODUCT | {"old_price"},
    "category.viewed": frozenset({"category", "category_id"}),
    "search.performed": frozenset({"query", "results"}),
    "coupon.applied": frozenset({"coupon", "cart_token"}),
    "review.created": frozenset({"product_id", "order_id", "rating", "text"}),
    "visit.completed": frozenset({"place", "service", "next_visit_at"}),
    "location.updated": frozenset({"latitude", "longitude", "place"}),
}

LOOKED_AT = 50  # newest events of a name


def seen(names: Collection[str]) -> dict[str, frozenset[str]]:
    """What the newest events of these names said, by name; those that never came are left out. One query."""
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT n.name, array_agg(DISTINCT k.key)
               FROM unnest(%s::text[]) AS n(name)
               CROSS JOIN LATERAL (SELECT payload FROM loyalty_event e WHERE e.name = n.name
                                   ORDER BY id DESC LIMIT %s) AS e
               CROSS JOIN LATERAL jsonb_object_keys(e.payload) AS k(key)
               GROUP BY n.name""",
            [list(names), LOOKED_AT],
        )
        return {name: frozenset(keys) for name, keys in cursor.fetchall()}
