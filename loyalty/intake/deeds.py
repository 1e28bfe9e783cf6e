"""What a client did, read from the properties of an event: shared by our own JSON and by Segment's calls.

Both say the same things in other words; `Words` holds the words, so that a refusal names the field as
its sender wrote it. The form of the payloads is documented in docs/events.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from loyalty.intake import goods, read
from loyalty.intake.facts import CartFact, Fact, Line, OrderFact, ProductFact, Refused
from loyalty.intake.read import Origin
from loyalty.models import Order


@dataclass(slots=True, frozen=True)
class Words:
    """How one kind of source calls things."""

    outer: str
    lines: str
    title: str
    cart: str
    order_total: tuple[str, ...]
    refunded: tuple[str, ...]


@dataclass(slots=True)
class Deed:
    """An event on its way to become facts: `fact` is filled in from `data`."""

    fact: Fact
    data: dict[str, Any]
    words: Words
    origin: Origin
    now: datetime
    # Stands for the cart's token where the source gives none: one open cart per person.
    person: str

    def currency(self) -> str:
        """The currency of every sum of the event."""
        return read.currency(self.data.get("currency"), self.origin.currency, "currency")

    def first(self, names: tuple[str, ...], currency: str) -> int | None:
        """The first sum that is said, in minor units."""
        for name in names:
            if (found := read.money(self.data.get(name), currency, name)) is not None:
                return found
        return None

    def lines(self, currency: str) -> list[Line] | None:
        """The event's lines; None when it says nothing of them."""
        if self.data.get(self.words.lines) is None:
            return None
        return goods.lines(self.data[self.words.lines], self.words.lines, lambda item: self.line(item, currency))

    def line(self, item: dict[str, Any], currency: str) -> Line:
        """One line."""
        product = self.product(item, currency)
        if not product.external_id:
            raise Refused("product_id", _("is missing"))
        total = read.money(item.get("total"), currency, "total")
        return goods.line(product, read.quantity(item.get("quantity"), "quantity"), product.price or 0, total)

    def product(self, item: dict[str, Any], currency: str) -> ProductFact:
        """A product as a line or an event about it tells it; a shop without product ids has at least its SKU."""
        sku = read.text(item.get("sku"), "sku", 200, cut=True)
        price = read.money(item.get("price"), currency, "price")
        return ProductFact(
            external_id=read.identifier(item.get("product_id"), "product_id") or sku,
            sku=sku,
            title=read.text(item.get(self.words.title), self.words.title, cut=True),
            brand=read.text(item.get("brand"), "brand", 200, cut=True),
            category=read.text(item.get("category"), "category", 200, cut=True),
            category_id=read.identifier(item.get("category_id"), "category_id"),
            price=price,
            currency=currency if price is not None else "",
            url=read.address(item.get("url"), "url", 1000),
            image_url=read.address(item.get("image_url"), "image_url", 1000),
            in_stock=read.flag(item.get("in_stock"), "in_stock"),
            old_price=read.money(item.get("old_price"), currency, "old_price"),
            regular_price=read.money(item.get("regular_price"), currency, "regular_price"),
        )

    def changed_at(self) -> datetime:
        """When the cart or the order became what the event says."""
        return read.moment(self.data.get("updated_at"), "updated_at", self.now, epoch=True) or self.fact.occurred_at

    def rest(self, *told: str) -> dict[str, Any]:
        """What else the event says, kept as given for conditions and templates."""
        return {name: value for name, value in self.data.items() if name not in told}


def tell(deed: Deed) -> list[Fact]:
    """The facts of an event, its own first; its fields are refused under the name of their container."""
    try:
        return _HANDLERS.get(deed.fact.name, _anything)(deed)
    except Refused as error:
        raise error.inside(deed.words.outer) from None


def _anything(deed: Deed) -> list[Fact]:
    deed.fact.payload |= deed.data
    return [deed.fact]


def _cart_token(deed: Deed) -> str:
    return read.identifier(deed.data.get(deed.words.cart), deed.words.cart)


def _cart(deed: Deed) -> list[Fact]:
    currency = deed.currency()
    lines = deed.lines(currency)
    token = _cart_token(deed) or deed.person
    url = read.address(deed.data.get("checkout_url"), "checkout_url", 2000)
    if deed.fact.name == "cart.updated" and lines is None:
        raise Refused(deed.words.lines, _("is missing"))
    if deed.fact.name == "cart.updated" and not lines:
        deed.fact.name = "cart.cleared"
    if deed.fact.name == "cart.cleared":
        lines = []
    if token:
        deed.fact.cart = CartFact(token, deed.changed_at(), lines, currency=currency, checkout_url=url)
    elif deed.fact.name in ("cart.updated", "cart.cleared"):
        raise Refused(deed.words.cart, _("is missing"))
    else:
        deed.fact.products = tuple(line.product for line in lines or ())
    # Of a source without cart tokens a person has one cart for ever: no occurrence of its own (semantics §4).
    payload = goods.cart_payload(_cart_token(deed), lines or [], currency, url)
    deed.fact.payload |= deed.rest(deed.words.lines, deed.words.cart) | payload
    return [deed.fact]


def _added(deed: Deed) -> list[Fact]:
    return _change(deed, removed=False)


def _removed(deed: Deed) -> list[Fact]:
    return _change(deed, removed=True)


def _change(deed: Deed, removed: bool) -> list[Fact]:
    """One line put in or taken out: the event is `cart.updated` too, its payload says which (docs/events.md)."""
    currency = deed.currency()
    line = deed.line(deed.data, currency)
    token = read.required(_cart_token(deed) or deed.person, deed.words.cart)
    deed.fact.name = "cart.updated"
    deed.fact.cart = CartFact(token, deed.changed_at(), change=line, removed=removed, currency=currency)
    deed.fact.payload |= deed.rest(deed.words.cart, deed.words.title) | {
        "change": "removed" if removed else "added",
        "cart_token": _cart_token(deed),
        "currency": currency,
        "lines": goods.line_payloads([line], currency),
    }
    return [deed.fact]


_GIVEN_BACK = (Order.Status.PART_REFUNDED, Order.Status.REFUNDED)
_ORDER_STATUS = {
    "order.paid": Order.Status.PAID,
    "order.cancelled": Order.Status.CANCELLED,
}
# What happens to an order once is known by the order, whatever delivery tells it (docs/events.md).
_ONCE = ("order.created", "order.paid", "order.cancelled")


def _order(deed: Deed) -> list[Fact]:
    fact, currency = deed.fact, deed.currency()
    order_id = read.required(read.identifier(deed.data.get("order_id"), "order_id"), "order_id")
    lines = deed.lines(currency)
    total = deed.first(deed.words.order_total, currency)
    if total is None and lines is not None:
        total = goods.total(lines)
    status = _ORDER_STATUS.get(fact.name) or _status(deed)
    discount = read.money(deed.data.get("discount"), currency, "discount")
    order = OrderFact(
        external_id=order_id,
        changed_at=deed.changed_at(),
        status=status.value if status else "",
        number=read.text(deed.data.get("number"), "number", 100, cut=True),
        currency=currency,
        total=0 if total is None and fact.name == "order.created" else total,
        discount=goods.reduction(lines or ()) if discount is None else discount,
        lines=lines,
        ordered_at=read.moment(deed.data.get("ordered_at"), "ordered_at", deed.now, epoch=True)
        or (fact.occurred_at if fact.name == "order.created" else None),
        cart_token=_cart_token(deed) or deed.person,
    )
    fact.order = order
    fact.payload |= deed.rest(deed.words.lines, deed.words.cart, *deed.words.order_total) | goods.order_payload(
        order_id,
        currency,
        order.total,
        order.discount,
        lines,
        number=order.number,
        status=order.status,
        cart_token=_cart_token(deed),
    )
    if fact.name in _ONCE:
        fact.external_id = read.key(f"{fact.name}:{order_id}")
    found = [fact]
    if fact.name == "order.created" and status in (Order.Status.PAID, *_GIVEN_BACK):
        found.append(
            Fact(
                read.key(f"order.paid:{order_id}"),
                "order.paid",
                fact.occurred_at,
                who=fact.who,
                payload=fact.payload,
                order=order,
            )
        )
    return found


def _status(deed: Deed) -> Order.Status | None:
    given = read.text(deed.data.get("status"), "status", 50, cut=True).lower()
    if not given:
        return None
    try:
        return Order.Status(given)
    except ValueError:
        return None


def _refund(deed: Deed) -> list[Fact]:
    fact, currency = deed.fact, deed.currency()
    order_id = read.required(read.identifier(deed.data.get("order_id"), "order_id"), "order_id")
    refund_id = read.identifier(deed.data.get("refund_id"), "refund_id")
    lines = deed.lines(currency)
    refunded = deed.first(deed.words.refunded, currency)
    if refunded is None and lines is not None:
        refunded = goods.total(lines)
    # No sum at all: all of it was given back.
    status = Order.Status.REFUNDED.value if refunded is None else ""
    fact.order = OrderFact(
        order_id, deed.changed_at(), status=status, refunded=refunded or 0, refunded_goods=goods.values(lines or ())
    )
    fact.products = tuple(line.product for line in lines or ())
    fact.payload |= deed.rest(deed.words.lines, deed.words.cart, *deed.words.refunded) | goods.order_payload(
        order_id,
        currency,
        None,
        0,
        lines,
        refund_id=refund_id,
        refunded=None if refunded is None else read.in_units(refunded, currency),
    )
    if refund_id:
        fact.external_id = read.key(f"refund:{refund_id}")
    return [fact]


def _product(deed: Deed) -> list[Fact]:
    currency = deed.currency()
    product = deed.product(deed.data, currency)
    read.required(product.external_id, "product_id")
    product.stock = read.pieces(deed.data.get("stock"), "stock")
    if product.in_stock is None and product.stock is not None:
        product.in_stock = product.stock > 0
    deed.fact.products = (product,)
    deed.fact.payload |= deed.rest(deed.words.title, "updated_at") | goods.product_payload(product, currency)
    for name, said in (("old_price", product.old_price), ("regular_price", product.regular_price)):
        if said is not None:
            deed.fact.payload[name] = read.in_units(said, currency)
    return [deed.fact]


def _category(deed: Deed) -> list[Fact]:
    category = read.text(deed.data.get("category"), "category", 200, cut=True)
    category_id = read.identifier(deed.data.get("category_id"), "category_id")
    list_id = read.identifier(deed.data.get("list_id"), "list_id")
    currency = deed.currency()
    lines = deed.lines(currency) or []
    deed.fact.products = tuple(line.product for line in lines)
    deed.fact.payload |= deed.rest(deed.words.lines) | {
        "category": read.required(category or category_id or list_id, "category"),
        "category_id": category_id or list_id,
        "product_ids": [line.product.external_id for line in lines],
    }
    return [deed.fact]


def _search(deed: Deed) -> list[Fact]:
    query = read.required(read.text(deed.data.get("query"), "query", 500, cut=True), "query")
    deed.fact.payload |= deed.rest(deed.words.lines) | {"query": query}
    return [deed.fact]


def _review(deed: Deed) -> list[Fact]:
    rating = deed.data.get("rating")
    deed.fact.payload |= deed.data | {
        "product_id": read.identifier(deed.data.get("product_id"), "product_id"),
        "order_id": read.identifier(deed.data.get("order_id"), "order_id"),
        "rating": None if rating in (None, "") else read.plain(read.quantity(rating, "rating")),
    }
    return [deed.fact]


def _location(deed: Deed) -> list[Fact]:
    degrees = [read.decimal(deed.data.get(name), name) for name in ("latitude", "longitude")]
    for name, value, most in zip(("latitude", "longitude"), degrees, (90, 180), strict=True):
        if abs(value) > most:
            raise Refused(name, _("is not on Earth"))
    # To the centimetre: what is finer is noise, and squares of next to nothing are no numbers to the database.
    deed.fact.location = (round(float(degrees[0]), 7), round(float(degrees[1]), 7))
    return _anything(deed)


_HANDLERS: dict[str, Callable[[Deed], list[Fact]]] = {
    "cart.updated": _cart,
    "cart.cleared": _cart,
    "cart.viewed": _cart,
    "product.added_to_cart": _added,
    "product.removed_from_cart": _removed,
    "checkout.started": _cart,
    "order.created": _order,
    "order.paid": _order,
    "order.updated": _order,
    "order.cancelled": _order,
    "order.refunded": _refund,
    "product.viewed": _product,
    "product.price_changed": _product,
    "product.published": _product,
    "product.updated": _product,
    "category.viewed": _category,
    "search.performed": _search,
    "review.created": _review,
    "location.updated": _location,
}
