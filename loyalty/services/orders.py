"""The current state of carts and orders, whatever order their news arrives in (semantics §2)."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from loyalty.intake.facts import CartFact, Fact, Line, OrderFact
from loyalty.models import Cart, Order, OrderLine, Source
from loyalty.services import rows

# The time of a row that so far knows only a status: any news with content is newer.
UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)

# A status only ever moves down this list, so that a late "created" does not revive a cancelled order.
_RANK = {
    status: rank
    for rank, status in enumerate(
        (
            Order.Status.CREATED,
            Order.Status.PAID,
            Order.Status.PART_REFUNDED,
            Order.Status.REFUNDED,
            Order.Status.CANCELLED,
        )
    )
}

Told = list[tuple[Fact, int | None]]


def cart_line(line: Line) -> dict[str, Any]:
    """A cart's line as it is stored: money in minor units, quantity as a decimal string."""
    product = line.product
    return {
        "product_id": product.external_id,
        "sku": product.sku,
        "title": product.title,
        "quantity": f"{line.quantity.normalize():f}",
        "price": line.price,
        "total": line.total,
        "url": product.url,
        "image_url": product.image_url,
    }


_CART = ("client", "anonymous_id", "lines", "total", "currency", "checkout_url", "ordered_at", "changed_at")
_ORDER = (
    "client",
    "anonymous_id",
    "cart_token",
    "number",
    "status",
    "currency",
    "total",
    "discount",
    "refunded",
    "refunded_goods",
    "history",
    "ordered_at",
    "paid_at",
    "changed_at",
)


def apply_carts(source: Source, facts: Told) -> None:
    """Brings the carts that the facts mention up to date; late news changes nothing but an unknown client."""
    told: dict[str, list[tuple[CartFact, Fact, int | None]]] = {}
    ordered: dict[str, datetime] = {}
    for fact, client_id in facts:
        if fact.cart:
            told.setdefault(fact.cart.token, []).append((fact.cart, fact, client_id))
        if fact.order and fact.order.cart_token:
            at = fact.order.ordered_at or fact.occurred_at
            ordered[fact.order.cart_token] = max(at, ordered.get(fact.order.cart_token, at))
    while told or ordered:
        tokens = list(told.keys() | ordered.keys())
        known = rows.locked(Cart, "source_id = %s AND token = ANY(%s)", [source.pk, tokens], order="token")
        new = [
            Cart(source=source, token=token, changed_at=UNTOLD)
            for token in sorted(told.keys() - {cart.token for cart in known})
        ]
        for cart in [*known, *new]:
            for news, fact, client_id in sorted(told.get(cart.token, ()), key=lambda item: item[0].changed_at):
                _tell_cart(cart, news, fact, client_id)
            if cart.token in ordered:
                cart.ordered_at = max(ordered[cart.token], cart.ordered_at or ordered[cart.token])
        rows.update(known, _CART)
        made = dict(rows.insert(Cart, [rows.columns(cart) for cart in new], "DO NOTHING", returning="token, id"))
        # Those that somebody else has just made are told once more, to what they are now.
        told = {cart.token: told[cart.token] for cart in new if cart.token not in made}
        ordered = {token: ordered[token] for token in told if token in ordered}


def _tell_cart(cart: Cart, news: CartFact, fact: Fact, client_id: int | None) -> None:
    if client_id is not None:
        cart.client_id = client_id
    if fact.who.anonymous and not cart.anonymous_id:
        cart.anonymous_id = fact.who.anonymous[0]
    if news.change:
        cart.lines = _changed_lines(cart.lines, news.change, news.removed)
    elif news.changed_at < cart.changed_at:
        cart.checkout_url = cart.checkout_url or news.checkout_url
        return
    elif news.lines is not None:
        cart.lines = [cart_line(line) for line in news.lines]
    cart.total = sum(line["total"] for line in cart.lines)
    cart.currency = news.currency or cart.currency
    cart.checkout_url = news.checkout_url or cart.checkout_url
    cart.changed_at = max(cart.changed_at, news.changed_at)


def _changed_lines(lines: list[dict[str, Any]], change: Line, removed: bool) -> list[dict[str, Any]]:
    kept = [line for line in lines if line["product_id"] != change.product.external_id]
    old = next((line for line in lines if line["product_id"] == change.product.external_id), None)
    before = Decimal(old["quantity"]) if old else Decimal(0)
    quantity = before - change.quantity if removed else before + change.quantity
    if quantity > 0:
        kept.append(cart_line(replace(change, quantity=quantity, total=int(change.price * quantity))))
    return kept


# Imported in one of these, an order is history: its bonuses, if any, are somebody else's.
_PAID = frozenset({Order.Status.PAID.value, Order.Status.PART_REFUNDED.value, Order.Status.REFUNDED.value})


def is_told(order: Order) -> bool:
    """Whether anybody has told what the order is worth: a refund may arrive before its order."""
    return order.changed_at != UNTOLD


def apply_orders(source: Source, facts: Told, products: dict[str, int]) -> list[int]:
    """Brings the orders that the facts mention up to date; returns their ids. `products`: ids by the source's own."""
    touched: list[int] = []
    told: dict[str, list[tuple[OrderFact, Fact, int | None]]] = {}
    for fact, client_id in facts:
        if fact.order:
            told.setdefault(fact.order.external_id, []).append((fact.order, fact, client_id))
    while told:
        names = list(told)
        known = rows.locked(Order, "source_id = %s AND external_id = ANY(%s)", [source.pk, names], order="external_id")
        new = [
            Order(
                source=source,
                external_id=external_id,
                total=0,
                ordered_at=told[external_id][0][1].occurred_at,
                changed_at=UNTOLD,
            )
            for external_id in sorted(told.keys() - {order.external_id for order in known})
        ]
        ids = {order.external_id: order.pk for order in known}
        have_lines = _having_lines(known)
        lines: dict[str, list[Line]] = {}
        for order in [*known, *new]:
            for news, fact, client_id in sorted(told[order.external_id], key=lambda item: item[0].changed_at):
                newest = _tell_order(order, news, fact, client_id)
                # Late news still fills what nobody has told yet.
                untold = order.external_id not in lines and order.pk not in have_lines
                if news.lines is not None and (newest or untold):
                    lines[order.external_id] = news.lines
        rows.update(known, _ORDER)
        made = rows.insert(Order, [rows.columns(order) for order in new], "DO NOTHING", returning="external_id, id")
        ids |= dict(made)
        if replaced := have_lines & {ids.get(name) for name in lines}:
            OrderLine.objects.filter(order__in=replaced).delete()
        _insert_lines({ids[name]: items for name, items in lines.items() if name in ids}, products)
        touched += ids.values()
        # Those that somebody else has just made are told once more, to what they are now.
        told = {name: news for name, news in told.items() if name not in ids}
    return touched


def _tell_order(order: Order, news: OrderFact, fact: Fact, client_id: int | None) -> bool:
    """Applies one piece of news; True where it is the newest about the order's content."""
    if client_id is not None:
        order.client_id = client_id
    if fact.who.anonymous and not order.anonymous_id:
        order.anonymous_id = fact.who.anonymous[0]
    order.refunded += news.refunded
    for name, value in news.refunded_goods.items():
        order.refunded_goods[name] = order.refunded_goods.get(name, 0) + value
    if not fact.triggers and (news.status in _PAID or news.refunded):
        order.history = True
    newest = news.total is not None and news.changed_at >= order.changed_at
    if newest:
        order.total, order.discount = news.total or 0, news.discount
        order.currency, order.number = news.currency or order.currency, news.number or order.number
        order.cart_token = news.cart_token or order.cart_token
        order.ordered_at = news.ordered_at or order.ordered_at
        order.changed_at = news.changed_at
    if news.status in _PAID and (order.paid_at is None or fact.name == "order.paid"):
        order.paid_at = fact.occurred_at
    if news.status and _RANK[Order.Status(news.status)] > _RANK[Order.Status(order.status)]:
        order.status = news.status
    if order.refunded and order.status != Order.Status.CANCELLED:
        whole = order.changed_at != UNTOLD and order.refunded >= order.total
        order.status = Order.Status.REFUNDED if whole else Order.Status.PART_REFUNDED
    return newest


def _having_lines(orders: list[Order]) -> set[int]:
    if not orders:
        return set()
    return set(OrderLine.objects.filter(order__in=orders).values_list("order_id", flat=True).distinct())


def _insert_lines(lines: dict[int, list[Line]], products: dict[str, int]) -> None:
    rows.insert(
        OrderLine,
        [
            {
                "order_id": order_id,
                "position": position,
                "product_id": products.get(line.product.external_id),
                "title": line.product.title,
                "quantity": line.quantity,
                "price": line.price,
                "total": line.total,
            }
            for order_id, items in lines.items()
            for position, line in enumerate(items)
        ],
    )
