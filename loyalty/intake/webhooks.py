"""The kinds of shops that call webhooks, each with its adapter."""

from datetime import datetime
from typing import Protocol

from loyalty.intake import shop, shopify, woocommerce
from loyalty.intake.delivery import Delivery
from loyalty.intake.facts import Fact
from loyalty.models import Source


class Adapter(Protocol):
    """What one file per kind offers (docs/adding-a-source.md)."""

    # Headers that are kept with a refused delivery, because trying it again needs them.
    KEPT_HEADERS: tuple[str, ...]

    def signed(self, raw: bytes, headers: dict[str, str], secret: str, now: datetime) -> bool:
        """Whether the shop signed exactly these bytes."""

    def topic(self, delivery: Delivery) -> str:
        """What the delivery is about, in the shop's words."""

    def delivery_id(self, delivery: Delivery) -> str:
        """The delivery's id within its source."""

    def facts(self, delivery: Delivery) -> list[Fact]:
        """The facts of the delivery. Raises UnknownTopic, Refused."""


ADAPTERS: dict[str, Adapter] = {
    Source.Kind.SHOP.value: shop,
    Source.Kind.SHOPIFY.value: shopify,
    Source.Kind.WOOCOMMERCE.value: woocommerce,
}
