"""WooCommerce's webhooks as facts: a body equals the REST resource (v1 to v3, bare or wrapped).

What WooCommerce does that has to be known:
- there is no topic for payment, cancelling and refunds: they are read from `order.updated`, each with an
  id of its own (`order.paid:<order id>`), so that any number of updates says them once;
- times without a zone are the shop's own, only the `_gmt` fields can be trusted;
- a new webhook is announced by an unsigned ping, and five answers other than 2xx switch a webhook off;
- no field tells of consent: none is taken.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty.intake import body, goods, read
from loyalty.intake.delivery import Delivery, UnknownTopic, hmac_matches, unwrap
from loyalty.intake.facts import Fact, Line, OrderFact, ProductFact, Profile, Who
from loyalty.models import Order

KEPT_HEADERS: tuple[str, ...] = (
    "x-wc-webhook-topic",
    "x-wc-webhook-delivery-id",
    "x-wc-webhook-source",
    "x-wc-webhook-id",
)

# A shop's own statuses, which plugins add, say nothing to us.
STATUSES = {
    "checkout-draft": Order.Status.CREATED,
    "pending": Order.Status.CREATED,
    "on-hold": Order.Status.CREATED,
    "processing": Order.Status.PAID,
    "completed": Order.Status.PAID,
    "refunded": Order.Status.REFUNDED,
    "cancelled": Order.Status.CANCELLED,
    "failed": Order.Status.CANCELLED,
    "trash": Order.Status.CANCELLED,
}
_PING = re.compile(rb"webhook_id=[0-9]+\Z")


def is_ping(raw: bytes) -> bool:
    """Whether this is what WooCommerce sends, unsigned, when a webhook is created: it only wants a 200."""
    return _PING.match(raw) is not None


def signed(raw: bytes, headers: dict[str, str], secret: str, now: datetime) -> bool:
    """Whether the delivery carries the shop's X-WC-Webhook-Signature."""
    return hmac_matches(raw, secret, headers.get("x-wc-webhook-signature", ""))


def topic(delivery: Delivery) -> str:
    """The delivery's topic as WooCommerce names it."""
    return delivery.header("x-wc-webhook-topic").lower()


def delivery_id(delivery: Delivery) -> str:
    """The delivery's id, unique within the shop."""
    return delivery.id("x-wc-webhook-delivery-id", topic(delivery))


@dataclass(slots=True)
class _News:
    """The resource of a delivery on its way to become facts."""

    id: str
    item: dict[str, Any]
    at: datetime
    delivery: Delivery

    def time(self, *names: str) -> datetime | None:
        """The first of the resource's own times that is said: in UTC where the shop says so."""
        for name in names:
            for field in (f"{name}_gmt", name):
                if found := read.moment(self.item.get(field), field, self.delivery.now):
                    return found
        return None


def facts(delivery: Delivery) -> list[Fact]:
    """The facts of a delivery, in order. Raises UnknownTopic, Refused."""
    handler = TOPICS.get(topic(delivery))
    if handler is None:
        raise UnknownTopic
    data = body.parse(delivery.body)
    body.check(data)
    (item,) = unwrap(data, topic(delivery).split(".")[0])
    news = _News(delivery_id(delivery), item, delivery.now, delivery)
    news.at = news.time("date_modified", "date_created") or delivery.now
    return handler(news)


def _id(item: dict[str, Any], field: str = "id") -> str:
    given = read.identifier(item.get(field), field)
    return "" if given == "0" else given


def _text(value: Any, field: str, limit: int) -> str:
    """Text that WooCommerce escaped for a web page."""
    return html.unescape(read.text(value, field, limit, cut=True))[:limit]


# --- orders ----------------------------------------------------------------------------------------


def _order_created(news: _News) -> list[Fact]:
    return _order(news, "order.created", natural=True)


def _order_updated(news: _News) -> list[Fact]:
    return _order(news, "order.updated", natural=False)


def _order(news: _News, name: str, natural: bool) -> list[Fact]:
    item = news.item
    order_id = read.required(_id(item), "id")
    currency = read.currency(item.get("currency"), news.delivery.origin.currency, "currency")
    lines = goods.lines(item.get("line_items"), "line_items", lambda line: _line(line, currency))
    total = read.money(item.get("total"), currency, "total")
    status = STATUSES.get(read.text(item.get("status"), "status", 100, cut=True).removeprefix("wc-"))
    paid_at = news.time("date_paid")
    order = OrderFact(
        external_id=order_id,
        changed_at=news.at,
        status=status.value if status else "",
        number=read.text(item.get("number"), "number", 100, cut=True),
        currency=currency,
        total=goods.total(lines) if total is None else total,
        discount=read.money(item.get("discount_total"), currency, "discount_total") or 0,
        lines=lines,
        ordered_at=news.time("date_created") or news.at,
    )
    coupons = [
        read.text(read.mapping(coupon, f"coupon_lines[{n}]").get("code"), "code", 100, cut=True)
        for n, coupon in enumerate(read.sequence(item.get("coupon_lines"), "coupon_lines"))
    ]
    payload = goods.order_payload(
        order_id,
        currency,
        order.total,
        order.discount,
        lines,
        number=order.number,
        status=order.status,
        coupons=coupons,
        payment_method=read.text(item.get("payment_method"), "payment_method", 100, cut=True),
    )
    first = _of_client(
        news,
        Fact(
            read.key(f"{name}:{order_id}") if natural else news.id,
            name,
            (news.time("date_created") or news.at) if natural else news.at,
            payload=payload,
            raw=item,
            order=order,
        ),
        _id(item, "customer_id"),
    )
    found = [first]

    def also(event: str, external_id: str, at: datetime, news_of_order: OrderFact, **more: Any) -> None:
        found.append(Fact(read.key(external_id), event, at, who=first.who, payload=payload | more, order=news_of_order))

    if paid_at or status in (Order.Status.PAID, Order.Status.REFUNDED):
        also("order.paid", f"order.paid:{order_id}", paid_at or news.at, order)
    if status == Order.Status.CANCELLED:
        also("order.cancelled", f"order.cancelled:{order_id}", news.at, order)
    for n, refund in enumerate(read.sequence(item.get("refunds"), "refunds")):
        refund = read.mapping(refund, f"refunds[{n}]")
        refund_id = read.required(_id(refund), f"refunds[{n}].id")
        # Written as "-10.00" here and as "10.00" in the refund's own resource.
        amount = read.text(refund.get("total") or refund.get("amount"), f"refunds[{n}].total", 64).removeprefix("-")
        refunded = read.money(amount, currency, f"refunds[{n}].total") or 0
        also(
            "order.refunded",
            f"refund:{refund_id}",
            news.at,
            OrderFact(order_id, news.at, refunded=refunded),
            refund_id=refund_id,
            refunded=read.in_units(refunded, currency),
        )
    return found


def _order_deleted(news: _News) -> list[Fact]:
    """An order put into the bin: only its id is said."""
    order_id = read.required(_id(news.item), "id")
    order = OrderFact(order_id, news.at, status=Order.Status.CANCELLED.value)
    payload = {"order_id": order_id, "status": order.status}
    return [
        Fact(
            read.key(f"order.cancelled:{order_id}"),
            "order.cancelled",
            news.at,
            payload=payload,
            raw=news.item,
            order=order,
        )
    ]


def _line(item: dict[str, Any], currency: str) -> Line:
    product = ProductFact(
        external_id=_id(item, "product_id"),
        sku=read.text(item.get("sku"), "sku", 200, cut=True),
        title=_text(item.get("name"), "name", 500),
        currency=currency,
        image_url=read.address(read.mapping(item.get("image"), "image").get("src"), "image.src", 1000),
    )
    price = read.money(item.get("price"), currency, "price")
    product.price = price
    return goods.line(
        product,
        read.quantity(item.get("quantity"), "quantity"),
        price or 0,
        read.money(item.get("total"), currency, "total"),
    )


# --- clients ---------------------------------------------------------------------------------------


def _customer_created(news: _News) -> list[Fact]:
    return _customer(news, "customer.registered", natural=True)


def _customer_updated(news: _News) -> list[Fact]:
    return _customer(news, "customer.updated", natural=False)


def _customer(news: _News, name: str, natural: bool) -> list[Fact]:
    customer_id = read.required(_id(news.item), "id")
    at = (news.time("date_created") or news.at) if natural else news.at
    external_id = read.key(f"{name}:{customer_id}") if natural else news.id
    fact = Fact(external_id, name, at, payload={"customer_id": customer_id}, raw=news.item)
    fact = _of_client(news, fact, customer_id)
    if fact.profile:
        fact.profile.registered_at = news.time("date_created")
    return [fact]


def _of_client(news: _News, fact: Fact, customer_id: str) -> Fact:
    item = news.item
    billing = read.mapping(item.get("billing"), "billing")
    shipping = read.mapping(item.get("shipping"), "shipping")
    email = ""
    for value in (item.get("email"), billing.get("email")):
        email = email or read.email(value, "email")
        if value and not email:
            fact.payload["email_given"] = read.text(value, "email", 300, cut=True)
    country = read.text(billing.get("country"), "billing.country", 100, cut=True)
    phone = read.phone(billing.get("phone"), "billing.phone", country, news.delivery.origin.phone_region)
    fact.who = Who(external_id=customer_id, phone=phone, email=email)
    named = next((h for h in (item, billing, shipping) if h.get("first_name") or h.get("last_name")), {})
    fact.profile = Profile(
        first_name=_text(named.get("first_name"), "first_name", 150),
        last_name=_text(named.get("last_name"), "last_name", 150),
    )
    return fact


# --- products --------------------------------------------------------------------------------------


def _product(news: _News, name: str) -> list[Fact]:
    item, currency = news.item, news.delivery.origin.currency
    images = read.sequence(item.get("images"), "images")
    categories = read.sequence(item.get("categories"), "categories")
    category = read.mapping(categories[0], "categories[0]") if categories else {}
    price = read.money(item.get("price"), currency, "price")
    stock = read.text(item.get("stock_status"), "stock_status", 50, cut=True)
    product = ProductFact(
        external_id=read.required(_id(item), "id"),
        sku=read.text(item.get("sku"), "sku", 200, cut=True),
        title=_text(item.get("name"), "name", 500),
        category=_text(category.get("name"), "categories[0].name", 200),
        category_id=_id(category) if category else "",
        price=price,
        regular_price=read.money(item.get("regular_price"), currency, "regular_price"),
        currency=currency if price is not None else "",
        url=read.address(item.get("permalink"), "permalink", 1000),
        image_url=read.address(
            read.mapping(images[0], "images[0]").get("src") if images else "", "images[0].src", 1000
        ),
        in_stock=stock != "outofstock" if stock else None,
        stock=read.pieces(item.get("stock_quantity"), "stock_quantity"),
    )
    payload = goods.product_payload(product, currency)
    return [Fact(news.id, name, news.at, payload=payload, raw=item, products=(product,))]


def _product_created(news: _News) -> list[Fact]:
    published = news.item.get("status", "publish") == "publish"
    return _product(news, "product.published" if published else "product.updated")


def _product_updated(news: _News) -> list[Fact]:
    return _product(news, "product.updated")


def _product_deleted(news: _News) -> list[Fact]:
    """A product put into the bin: only its id is said, and nobody can buy it any more."""
    product = ProductFact(read.required(_id(news.item), "id"), in_stock=False)
    payload = {"product_id": product.external_id, "in_stock": False}
    return [Fact(news.id, "product.updated", news.at, payload=payload, raw=news.item, products=(product,))]


TOPICS: dict[str, Callable[[_News], list[Fact]]] = {
    "order.created": _order_created,
    "order.updated": _order_updated,
    "order.restored": _order_updated,
    "order.deleted": _order_deleted,
    "customer.created": _customer_created,
    "customer.updated": _customer_updated,
    "product.created": _product_created,
    "product.updated": _product_updated,
    "product.restored": _product_updated,
    "product.deleted": _product_deleted,
}
