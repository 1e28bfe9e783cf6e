"""Lines of carts and orders, and the one form in which payloads show them (docs/events.md)."""

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext as _

from loyalty.intake import read
from loyalty.intake.facts import Line, ProductFact, Refused


def lines(items: Any, field: str, read_line: Callable[[dict[str, Any]], Line]) -> list[Line]:
    """Every line of a list, read by `read_line`; a refusal names the line."""
    found = []
    for n, item in enumerate(read.sequence(items, field)):
        try:
            found.append(read_line(read.mapping(item, "")))
        except Refused as error:
            raise error.inside(f"{field}[{n}]") from None
    if total(found) > read.MAX_AMOUNT:
        raise Refused(field, _("is too large"))
    return found


def line(product: ProductFact, quantity: Decimal, price: int, line_total: int | None, discount: int = 0) -> Line:
    """A line whose total is `line_total`, else the price of all pieces less `discount`."""
    if line_total is None:
        line_total = max(int((price * quantity).quantize(Decimal(1), ROUND_HALF_UP)) - discount, 0)
    if line_total > read.MAX_AMOUNT:
        raise Refused("quantity", _("is too large"))
    return Line(product, quantity, price, line_total)


def total(found: Iterable[Line]) -> int:
    """The sum of lines, in minor units."""
    return sum(line.total for line in found)


def reduction(found: Iterable[Line]) -> int:
    """How much less than its price every line costs, together, in minor units: a discount that nobody states."""
    less = sum(
        max(int((line.price * line.quantity).to_integral_value(ROUND_HALF_UP)) - line.total, 0) for line in found
    )
    return min(less, read.MAX_AMOUNT)


def product_payload(product: ProductFact, currency: str) -> dict[str, Any]:
    """A product as payloads show it."""
    return {
        "product_id": product.external_id,
        "sku": product.sku,
        "title": product.title,
        "brand": product.brand,
        "category": product.category,
        "price": None if product.price is None else read.in_units(product.price, currency),
        "currency": currency,
        "url": product.url,
        "image_url": product.image_url,
    }


def line_payloads(found: Iterable[Line], currency: str) -> list[dict[str, Any]]:
    """Lines as payloads show them: money as decimal text of the currency, no minor units."""
    return [
        {
            "product_id": line.product.external_id,
            "sku": line.product.sku,
            "title": line.product.title,
            "brand": line.product.brand,
            "category": line.product.category,
            "quantity": read.plain(line.quantity),
            "price": read.in_units(line.price, currency),
            "total": read.in_units(line.total, currency),
            "url": line.product.url,
            "image_url": line.product.image_url,
        }
        for line in found
    ]


def values(found: Iterable[Line]) -> dict[str, int]:
    """What goods are worth, by the product's external id, in minor units."""
    sums: dict[str, int] = {}
    for line in found:
        if line.total > 0:
            sums[line.product.external_id] = sums.get(line.product.external_id, 0) + line.total
    return sums


def cart_payload(token: str, found: list[Line], currency: str, checkout_url: str = "") -> dict[str, Any]:
    """A cart as payloads show it."""
    return {
        "cart_token": token,
        "total": read.in_units(total(found), currency),
        "currency": currency,
        "checkout_url": checkout_url,
        "lines": line_payloads(found, currency),
    }


def order_payload(
    order_id: str, currency: str, order_total: int | None, discount: int, found: list[Line] | None, **more: Any
) -> dict[str, Any]:
    """An order as payloads show it; what a delivery did not say is left out."""
    payload: dict[str, Any] = {"order_id": order_id, "currency": currency}
    if order_total is not None:
        payload |= {"total": read.in_units(order_total, currency), "discount": read.in_units(discount, currency)}
    if found is not None:
        payload["lines"] = line_payloads(found, currency)
    return payload | {name: value for name, value in more.items() if value not in ("", None, [])}
