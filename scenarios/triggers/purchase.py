"""A purchase of certain goods (A14)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection, models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.event_names import event_label
from scenarios.durations import Unit, in_words, length
from scenarios.triggers.base import Entry, EventView, Trigger


class PurchaseTrigger(Trigger):
    """Starts at an order with a given product, category or brand in it, or some time after it.

    What the goods are is read from the order and the catalogue rather than from the event: "order paid"
    often says no more than the order's number.
    """

    class Moment(models.TextChoices):
        PLACED = "order.created", _("is placed")
        PAID = "order.paid", _("is paid")

    class Goods(models.TextChoices):
        PRODUCT = "product", _("the product")
        CATEGORY = "category", _("the category")
        BRAND = "brand", _("the brand")

    icon = "shopping_bag"

    moment = models.CharField(_("when the order"), max_length=20, choices=Moment, default=Moment.PAID)
    goods = models.CharField(_("with"), max_length=10, choices=Goods, default=Goods.CATEGORY)
    value = models.CharField(
        _("which"), max_length=200, help_text=_("Of a product: its name, SKU or id in the shop; else the name.")
    )
    delay = models.PositiveIntegerField(_("after"), default=0, help_text=_("0: at once."))
    delay_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.HOURS)

    class Meta:
        verbose_name = _("purchase of certain goods")
        verbose_name_plural = _("purchases of certain goods")

    def sentence(self) -> str:
        goods = {
            self.Goods.PRODUCT: t("an order with the product «%(value)s»"),
            self.Goods.CATEGORY: t("an order with goods of the category «%(value)s»"),
            self.Goods.BRAND: t("an order with goods of the brand «%(value)s»"),
        }[self.Goods(self.goods)] % {"value": self.value}
        words = {"goods": goods, "event": event_label(self.moment), "time": in_words(self.delay, self.delay_unit)}
        if self.delay:
            return t("%(time)s after «%(event)s»: %(goods)s") % words
        return t("At once on «%(event)s»: %(goods)s") % words

    def listens_to(self) -> Collection[str]:
        return (self.moment,)

    def entries(self, events: Sequence[EventView], now: datetime) -> list[Entry]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT DISTINCT e.id FROM loyalty_event e
                    JOIN loyalty_order o ON o.source_id = e.source_id AND o.external_id = e.payload ->> 'order_id'
                    JOIN loyalty_orderline l ON l.order_id = o.id
                    LEFT JOIN loyalty_product p ON p.id = l.product_id
                    LEFT JOIN loyalty_category c ON c.id = p.category_id
                    WHERE e.id = ANY(%(events)s) AND {_FITS[self.Goods(self.goods)]}""",  # noqa: S608 (fixed texts)
                {"events": [event.id for event in events], "value": self.value.strip()},
            )
            found = {event_id for (event_id,) in cursor.fetchall()}
        delay = length(self.delay, self.delay_unit)
        return [
            Entry(event, f"event:{event.id}", event.occurred_at + delay if self.delay else None)
            for event in events
            if event.id in found
        ]


_FITS = {
    PurchaseTrigger.Goods.PRODUCT: (
        "(p.external_id = %(value)s OR p.sku = %(value)s OR lower(%(value)s) IN (lower(p.title), lower(l.title)))"
    ),
    PurchaseTrigger.Goods.CATEGORY: "(lower(c.name) = lower(%(value)s) OR c.external_id = %(value)s)",
    PurchaseTrigger.Goods.BRAND: "lower(p.brand) = lower(%(value)s)",
}
