"""Shopify's webhooks (and its REST resources, which have the same shape) as facts.

What Shopify does that has to be known:
- a cart names no client, only a token; the checkout and the order repeat it as `cart_token`;
- one deed comes under several topics and webhook ids, so facts of an order have ids of their own
  (`order.paid:<order id>`), and only carts, checkouts and plain updates use the delivery's id;
- consent is a field of carts' buyers and customers, and absent means no (semantics §2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

from django.utils.translation import gettext as _

from loyalty.intake import body, goods, read
from loyalty.intake.delivery import Delivery, UnknownTopic, hmac_matches, unwrap
from loyalty.intake.facts import CartFact, Fact, Line, OrderFact, ProductFact, Refused, Who
from loyalty.intake.shopify_people import cart_name, consents, fill
from loyalty.models import Order

KEPT_HEADERS: tuple[str, ...] = (
    "x-shopify-topic",
    "x-shopify-webhook-id",
    "x-shopify-triggered-at",
    "x-shopify-shop-domain",
)

# financial_status → ours; what is absent here says nothing about money.
STATUSES = {
    "pending": Order.Status.CREATED,
    "authorized": Order.Status.CREATED,
    "partially_paid": Order.Status.CREATED,
    "paid": Order.Status.PAID,
    "partially_refunded": Order.Status.PART_REFUNDED,
    "refunded": Order.Status.REFUNDED,
    "voided": Order.Status.CANCELLED,
}
_WAS_PAID = {Order.Status.PAID, Order.Status.PART_REFUNDED, Order.Status.REFUNDED}


def signed(raw: bytes, headers: dict[str, str], secret: str, now: datetime) -> bool:
    """Whether the delivery carries the shop's X-Shopify-Hmac-Sha256."""
    return hmac_matches(raw, secret, headers.get("x-shopify-hmac-sha256", ""))


def topic(delivery: Delivery) -> str:
    """The delivery's topic as Shopify names it."""
    return delivery.header("x-shopify-topic").lower()


def delivery_id(delivery: Delivery) -> str:
    """`webhook-id` names the delivery (`event-id` would name the merchant's deed, which several deliveries share)."""
    return delivery.id("x-shopify-webhook-id", topic(delivery))


@dataclass(slots=True)
class _News:
    """One resource of a delivery on its way to become facts."""

    id: str
    item: dict[str, Any]
    at: datetime
    delivery: Delivery

    def time(self, *names: str) -> datetime | None:
        """The first of the resource's own times that is said."""
        for name in names:
            if found := read.moment(self.item.get(name), name, self.delivery.now):
                return found
        return None


def facts(delivery: Delivery) -> list[Fact]:
    """The facts of a delivery, in order. Raises UnknownTopic, Refused."""
    handler = TOPICS.get(topic(delivery))
    if handler is None:
        raise UnknownTopic
    data = body.parse(delivery.body)
    body.check(data)
    resource = topic(delivery).split("/")[0]
    items = unwrap(data, resource.removesuffix("s"), resource)
    own_id = delivery_id(delivery)
    triggered = read.moment(delivery.header("x-shopify-triggered-at"), "X-Shopify-Triggered-At", delivery.now)
    found: list[Fact] = []
    for n, item in enumerate(items, 1):
        news = _News(own_id if len(items) == 1 else f"{own_id}:{n}", item, delivery.now, delivery)
        news.at = triggered or news.time("updated_at", "created_at") or delivery.now
        found += handler(news)
    return found


# --- carts and checkouts ---------------------------------------------------------------------------


def _cart(news: _News) -> list[Fact]:
    item = news.item
    token = read.required(read.identifier(item.get("token"), "token") or read.identifier(item.get("id"), "id"), "token")
    currency = _cart_currency(item, news.delivery.origin.currency)
    lines = _lines(item, currency)
    if lines is None:
        raise Refused("line_items", _("is missing"))
    name = "cart.updated" if lines else "cart.cleared"
    return [
        Fact(
            news.id,
            name,
            news.at,
            who=Who(anonymous=(cart_name(token),)),
            payload=goods.cart_payload(token, lines, currency),
            raw=item,
            cart=CartFact(token, news.time("updated_at") or news.at, lines, currency=currency),
        )
    ]


def _cart_currency(item: dict[str, Any], default: str) -> str:
    """A cart has no currency of its own: its lines name the shop's."""
    for n, line in enumerate(read.sequence(item.get("line_items"), "line_items")):
        prices = read.mapping(read.mapping(line, f"line_items[{n}]").get("price_set"), f"line_items[{n}].price_set")
        if code := read.mapping(prices.get("shop_money"), "shop_money").get("currency_code"):
            return read.currency(code, default, f"line_items[{n}].price_set.shop_money.currency_code")
    return read.currency(item.get("currency"), default, "currency")


def _cart_token(item: dict[str, Any], checkout: str) -> str:
    """The cart's token; a checkout without a cart (a direct link) stands for one by its own token."""
    if token := read.identifier(item.get("cart_token"), "cart_token"):
        return token
    own = read.identifier(item.get(checkout), checkout, limit=150)
    return f"checkout:{own}" if own else ""


def _checkout(news: _News) -> list[Fact]:
    item = news.item
    token = read.required(_cart_token(item, "token"), "token")
    currency = read.currency(item.get("currency"), news.delivery.origin.currency, "currency")
    lines = _lines(item, currency)
    url = read.address(item.get("abandoned_checkout_url"), "abandoned_checkout_url", 2000)
    payload = goods.cart_payload(token, lines or [], currency, url) | _coupons(item)
    at = news.time("updated_at") or news.at
    cart = CartFact(token, at, lines, currency=currency, checkout_url=url)
    fact = Fact(news.id, "checkout.started", news.at, payload=payload, raw=item, cart=cart)
    return [fill(fact, item, news.delivery, at, token)]


# --- orders ----------------------------------------------------------------------------------------


def _order(news: _News) -> tuple[str, OrderFact, dict[str, Any]]:
    item = news.item
    order_id = read.required(read.identifier(item.get("id"), "id"), "id")
    currency = read.currency(item.get("currency"), news.delivery.origin.currency, "currency")
    lines = _lines(item, currency)
    total = read.money(item.get("total_price"), currency, "total_price")
    order = OrderFact(
        external_id=order_id,
        changed_at=news.time("updated_at") or news.at,
        status=_status(item),
        number=read.text(item.get("name") or item.get("order_number"), "name", 100, cut=True),
        currency=currency,
        total=goods.total(lines or []) if total is None else total,
        discount=read.money(item.get("total_discounts"), currency, "total_discounts") or 0,
        lines=lines,
        ordered_at=news.time("processed_at", "created_at") or news.at,
        cart_token=_cart_token(item, "checkout_token"),
    )
    payload = goods.order_payload(
        order_id,
        currency,
        order.total,
        order.discount,
        lines,
        number=order.number,
        status=order.status,
        cart_token=order.cart_token,
        url=read.address(item.get("order_status_url"), "order_status_url", 2000),
    )
    return order_id, order, payload | _coupons(item)


def _status(item: dict[str, Any]) -> str:
    if item.get("cancelled_at"):
        return Order.Status.CANCELLED.value
    status = STATUSES.get(read.text(item.get("financial_status"), "financial_status", 50, cut=True).lower())
    return status.value if status else ""


def _order_fact(news: _News, name: str, natural: bool = True) -> list[Fact]:
    order_id, order, payload = _order(news)
    fact = Fact(
        read.key(f"{name}:{order_id}") if natural else news.id,
        name,
        news.at,
        payload=payload,
        raw=news.item,
        order=order,
    )
    # What the buyer ticked was ticked at the purchase: a later update of the order is no new consent.
    return [fill(fact, news.item, news.delivery, news.time("created_at") or news.at, order.cart_token)]


def _order_created(news: _News) -> list[Fact]:
    found = _order_fact(news, "order.created")
    order = found[0].order
    if order and order.status in _WAS_PAID:
        first = found[0]
        found.append(
            Fact(
                read.key(f"order.paid:{order.external_id}"),
                "order.paid",
                news.at,
                who=first.who,
                payload=first.payload,
                order=order,
            )
        )
    return found


def _order_paid(news: _News) -> list[Fact]:
    found = _order_fact(news, "order.paid")
    if found[0].order and not found[0].order.status:
        found[0].order.status = Order.Status.PAID.value
    return found


def _order_updated(news: _News) -> list[Fact]:
    return _order_fact(news, "order.updated", natural=False)


def _order_cancelled(news: _News) -> list[Fact]:
    found = _order_fact(news, "order.cancelled")
    if found[0].order:
        found[0].order.status = Order.Status.CANCELLED.value
        found[0].payload["status"] = found[0].order.status
    return found


def _refund(news: _News) -> list[Fact]:
    item = news.item
    refund_id = read.required(read.identifier(item.get("id"), "id"), "id")
    order_id = read.required(read.identifier(item.get("order_id"), "order_id"), "order_id")
    currency, refunded = news.delivery.origin.currency, 0
    for n, transaction in enumerate(read.sequence(item.get("transactions"), "transactions")):
        field = f"transactions[{n}]"
        transaction = read.mapping(transaction, field)
        if transaction.get("kind", "refund") == "refund" and transaction.get("status", "success") == "success":
            currency = read.currency(transaction.get("currency"), currency, f"{field}.currency")
            refunded += read.money(transaction.get("amount"), currency, f"{field}.amount") or 0
    if refunded > read.MAX_AMOUNT:
        raise Refused("transactions", _("is too large"))
    lines = goods.lines(
        item.get("refund_line_items"),
        "refund_line_items",
        lambda line: _line(
            read.mapping(line.get("line_item"), "line_item") | {"quantity": line.get("quantity")}, currency
        ),
    )
    return [
        Fact(
            read.key(f"refund:{refund_id}"),
            "order.refunded",
            news.at,
            payload=goods.order_payload(
                order_id, currency, None, 0, lines, refund_id=refund_id, refunded=read.in_units(refunded, currency)
            ),
            raw=item,
            order=OrderFact(order_id, news.at, refunded=refunded),
            products=tuple(line.product for line in lines),
        )
    ]


# --- lines -----------------------------------------------------------------------------------------


def _lines(item: dict[str, Any], currency: str) -> list[Line] | None:
    """The resource's lines; None where it says nothing of them, which is not the same as none."""
    if item.get("line_items") is None:
        return None
    return goods.lines(item.get("line_items"), "line_items", lambda line: _line(line, currency))


def _line(item: dict[str, Any], currency: str) -> Line:
    own = "discounted_price" if item.get("discounted_price") not in (None, "") else "price"
    price = read.money(item.get(own), currency, own)
    product = ProductFact(
        external_id=read.identifier(item.get("product_id"), "product_id")
        or read.identifier(item.get("variant_id"), "variant_id"),
        sku=read.text(item.get("sku"), "sku", 200, cut=True),
        title=read.text(item.get("title"), "title", cut=True),
        brand=read.text(item.get("vendor"), "vendor", 200, cut=True),
        price=read.money(item.get("price"), currency, "price"),
        currency=currency,
        url=read.address(item.get("url"), "url", 1000),
    )
    return goods.line(
        product,
        read.quantity(item.get("quantity"), "quantity"),
        price or 0,
        read.money(item.get("line_price"), currency, "line_price"),
        _discount(item, currency),
    )


def _discount(item: dict[str, Any], currency: str) -> int:
    """What a line of an order was reduced by: its share of the order's discounts when said, else its own."""
    shares = read.sequence(item.get("discount_allocations"), "discount_allocations")
    if shares:
        field = "discount_allocations"
        return sum(
            read.money(read.mapping(share, f"{field}[{n}]").get("amount"), currency, f"{field}[{n}].amount") or 0
            for n, share in enumerate(shares)
        )
    return read.money(item.get("total_discount"), currency, "total_discount") or 0


def _coupons(item: dict[str, Any]) -> dict[str, list[str]]:
    codes = [
        read.text(read.mapping(code, f"discount_codes[{n}]").get("code"), "code", 100, cut=True)
        for n, code in enumerate(read.sequence(item.get("discount_codes"), "discount_codes"))
    ]
    return {"coupons": codes} if codes else {}


# --- clients ---------------------------------------------------------------------------------------


def _customer(news: _News, name: str, natural: bool) -> list[Fact]:
    customer_id = read.required(read.identifier(news.item.get("id"), "id"), "id")
    external_id = read.key(f"{name}:{customer_id}") if natural else news.id
    fact = Fact(external_id, name, news.at, payload={"customer_id": customer_id}, raw=news.item)
    at = news.time("accepts_marketing_updated_at", "updated_at") or news.at
    fact = fill(fact, news.item, news.delivery, at, customer=news.item)
    if fact.profile:
        fact.profile.registered_at = news.time("created_at")
    return [fact]


def _customer_created(news: _News) -> list[Fact]:
    return _customer(news, "customer.registered", natural=True)


def _customer_updated(news: _News) -> list[Fact]:
    return _customer(news, "customer.updated", natural=False)


def _consent_changed(news: _News) -> list[Fact]:
    """Since API 2025-01 consent leaves the customer for topics of its own, which name the client by its id."""
    customer_id = read.identifier(news.item.get("customer_id"), "customer_id")
    read.required(customer_id, "customer_id")
    who = Who(external_id=customer_id)
    fact = Fact(news.id, "customer.updated", news.at, who=who, payload={"customer_id": customer_id}, raw=news.item)
    fact.consents = consents(news.item, {}, news.at, news.delivery.now)
    return [fact]


# --- products --------------------------------------------------------------------------------------


def _product(news: _News, name: str) -> list[Fact]:
    item, currency = news.item, news.delivery.origin.currency
    variants = [
        read.mapping(variant, f"variants[{n}]")
        for n, variant in enumerate(read.sequence(item.get("variants"), "variants"))
    ]
    prices = [
        (price, read.money(variant.get("compare_at_price"), currency, f"variants[{n}].compare_at_price"))
        for n, variant in enumerate(variants)
        if (price := read.money(variant.get("price"), currency, f"variants[{n}].price")) is not None
    ]
    price, regular = min(prices, key=itemgetter(0), default=(None, None))
    image = read.mapping(item.get("image"), "image")
    product = ProductFact(
        external_id=read.required(read.identifier(item.get("id"), "id"), "id"),
        sku=read.text(variants[0].get("sku") if variants else "", "variants[0].sku", 200, cut=True),
        title=read.text(item.get("title"), "title", cut=True),
        brand=read.text(item.get("vendor"), "vendor", 200, cut=True),
        category=read.text(item.get("product_type"), "product_type", 200, cut=True),
        price=price,
        regular_price=regular,
        currency=currency if prices else "",
        image_url=read.address(image.get("src"), "image.src", 1000),
        in_stock=any(_sellable(variant, n) for n, variant in enumerate(variants)) if variants else None,
        stock=_left(variants),
    )
    payload = goods.product_payload(product, currency)
    return [Fact(news.id, name, news.at, payload=payload, raw=item, products=(product,))]


def _sellable(variant: dict[str, Any], n: int) -> bool:
    """In stock, not counted at all, or sold beyond the stock."""
    count = variant.get("inventory_quantity")
    uncounted = count is None or variant.get("inventory_management", "shopify") is None
    if uncounted or variant.get("inventory_policy") == "continue":
        return True
    return read.decimal(count, f"variants[{n}].inventory_quantity") > Decimal(0)


def _left(variants: list[dict[str, Any]]) -> int | None:
    """Pieces of all variants together, where every one of them is counted."""
    counts = [
        read.pieces(variant.get("inventory_quantity"), f"variants[{n}].inventory_quantity")
        for n, variant in enumerate(variants)
        if variant.get("inventory_management", "shopify") is not None
    ]
    counted = [count for count in counts if count is not None]
    return min(sum(counted), int(read.MAX_PIECES)) if counted and len(counted) == len(variants) else None


def _product_created(news: _News) -> list[Fact]:
    hidden = news.item.get("status") in ("draft", "archived")
    return _product(news, "product.updated" if hidden else "product.published")


def _product_updated(news: _News) -> list[Fact]:
    return _product(news, "product.updated")


TOPICS: dict[str, Callable[[_News], list[Fact]]] = {
    "carts/create": _cart,
    "carts/update": _cart,
    "checkouts/create": _checkout,
    "checkouts/update": _checkout,
    "orders/create": _order_created,
    "orders/paid": _order_paid,
    "orders/updated": _order_updated,
    "orders/cancelled": _order_cancelled,
    "refunds/create": _refund,
    "customers/create": _customer_created,
    "customers/update": _customer_updated,
    "customers_email_marketing_consent/update": _consent_changed,
    "customers_marketing_consent/update": _consent_changed,
    "products/create": _product_created,
    "products/update": _product_updated,
}
