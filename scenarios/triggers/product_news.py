"""News of products for those who looked at them: cheaper, back in stock, running low (T16, X1, X2)."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.intake import read
from loyalty.services.price_list import FEW
from scenarios.durations import Unit, in_words
from scenarios.triggers.base import Due, Trigger

# A delivery of news may still be on its way into the database when the window of its own time ends.
GRACE = timedelta(seconds=30)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class ProductNewsTrigger(Trigger):
    """Starts when products that a client looked at and did not buy become cheaper, are back in stock or run low.

    News is gathered by windows of time: what concerns one client in one window is one entry, named after the end of
    the window (`price:2026-03-10T12:15Z`), and lists the items. What is no longer true at its end is left out.
    """

    class News(models.TextChoices):
        CHEAPER = "price", _("becomes cheaper")
        BACK = "stock", _("is back in stock")
        LOW = "left", _("is running low")

    class Interest(models.TextChoices):
        VIEWED = "viewed", _("viewed it")
        CARTED = "carted", _("put it in the cart")
        FAVOURED = "favoured", _("added it to favourites")

    icon = "sell"
    tells = (
        "product_id", "title", "category", "price", "old_price", "percent", "currency", "url", "image_url", "count",
        "items",
    )  # fmt: skip
    timed = True

    news = models.CharField(_("a product"), max_length=10, choices=News, default=News.CHEAPER)
    percent = models.PositiveSmallIntegerField(
        _("by at least, %"), default=5, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    left = models.PositiveSmallIntegerField(
        _("pieces left, at most"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(FEW)],
        help_text=_("When the stock falls to so many or fewer, once until it is filled up again."),
    )
    interests = ArrayField(
        models.CharField(max_length=10, choices=Interest), verbose_name=_("for those who"), default=list
    )
    days = models.PositiveIntegerField(
        _("in the last days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    merge_minutes = models.PositiveIntegerField(
        _("gather for minutes"), default=15, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )

    class Meta:
        verbose_name = _("product cheaper, back or running low")
        verbose_name_plural = _("products cheaper, back or running low")

    def clean(self) -> None:
        if not self.interests:
            raise ValidationError({"interests": _("Say for whom it is news.")})

    def sentence(self) -> str:
        interests = t(" or ").join(str(self.Interest(one).label) for one in self.interests)
        words = {"who": interests, "days": in_words(self.days, Unit.DAYS), "percent": self.percent}
        if self.news == self.News.CHEAPER:
            sentence = t("When a product is cheaper by %(percent)d%% or more, for those who %(who)s in %(days)s")
        elif self.news == self.News.LOW:
            words["left"] = self.left
            sentence = ngettext(
                "When %(left)d piece of a product is left, for those who %(who)s in %(days)s",
                "When %(left)d pieces of a product or fewer are left, for those who %(who)s in %(days)s",
                self.left,
            )
        else:
            sentence = t("When a product is back in stock, for those who %(who)s in %(days)s")
        return t("%(sentence)s and did not buy it") % {"sentence": sentence % words}

    def due(self, since: datetime, until: datetime, zones: Collection[str]) -> list[Due]:
        window = timedelta(minutes=self.merge_minutes)
        first, last = (EPOCH + (one - GRACE - EPOCH) // window * window for one in (since, until))
        if last <= first:
            return []
        parts = []
        for end, items in self._news(first, last, window).items():
            said = f"{end:%Y-%m-%dT%H:%M}Z"
            values = {
                "items": orjson.dumps(items).decode(), "occurrence": f"{self.news}:{said}", "end": end,
                "since": end - timedelta(days=self.days), "viewed": self.Interest.VIEWED in self.interests,
                "carted": self.Interest.CARTED in self.interests, "favoured": self.Interest.FAVOURED in self.interests,
            }  # fmt: skip
            parts.append(Due(said, _INTERESTED, values))
        return parts

    def _news(self, first: datetime, last: datetime, window: timedelta) -> dict[datetime, list[dict[str, Any]]]:
        """News that is still true, by the end of its window, each product once a window."""
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT n.recorded_at, n.before, p.external_id, p.sku, p.title, p.brand, coalesce(c.name, ''),
                          p.price, p.currency, p.url, p.image_url, p.stock
                   FROM loyalty_productchange n JOIN loyalty_product p ON p.id = n.product_id
                   LEFT JOIN loyalty_category c ON c.id = p.category_id
                   WHERE NOT n.spread AND n.kind = %(kind)s AND n.recorded_at > %(first)s AND n.recorded_at <= %(last)s
                     AND p.in_stock AND CASE n.kind
                       WHEN 'price' THEN p.price < n.before AND n.drop_percent >= %(percent)s
                       WHEN 'left' THEN n.before > %(left)s AND n.after <= %(left)s AND p.stock <= %(left)s
                       ELSE true END
                   ORDER BY n.id""",
                {"kind": self.news, "first": first, "last": last, "percent": self.percent, "left": self.left},
            )
            rows = cursor.fetchall()
        found: dict[datetime, dict[str, dict[str, Any]]] = {}
        names = ("product_id", "sku", "title", "brand", "category", "price", "currency", "url", "image_url", "left")
        for recorded_at, before, *told in rows:
            end = EPOCH - (EPOCH - recorded_at) // window * window
            item = dict(zip(names, told, strict=True))
            price, currency = item["price"], item["currency"]
            item["price"] = None if price is None else read.in_units(price, currency)
            if self.news == self.News.CHEAPER:
                item["old_price"] = read.in_units(before, currency)
                item["percent"] = f"{Decimal(before - price) * 100 / before:.0f}"
            found.setdefault(end, {}).setdefault(item["product_id"], item)
        return {end: list(items.values()) for end, items in found.items()}


# Products are known by the shop's own id, whichever source tells of the view.
_INTERESTED = """
WITH news AS (
  SELECT place, item, item ->> 'product_id' AS product
  FROM jsonb_array_elements(%(items)s::jsonb) WITH ORDINALITY AS n(item, place)),
interest AS (
  SELECT e.client_id, n.place FROM news n JOIN loyalty_event e
    ON e.name IN ('product.viewed', 'product.favourited', 'product_added_to_wishlist')
    AND e.payload ->> 'product_id' = n.product AND e.occurred_at > %(since)s AND e.occurred_at <= %(end)s
  WHERE e.client_id IS NOT NULL AND CASE e.name WHEN 'product.viewed' THEN %(viewed)s ELSE %(favoured)s END
  UNION
  SELECT e.client_id, n.place FROM news n JOIN loyalty_event e
    ON e.name = 'cart.updated' AND jsonb_path_query_array(e.payload, '$.lines[*].product_id') @> to_jsonb(n.product)
    AND e.occurred_at > %(since)s AND e.occurred_at <= %(end)s
  WHERE %(carted)s AND e.client_id IS NOT NULL AND coalesce(e.payload ->> 'change', '') <> 'removed')
SELECT i.client_id, %(occurrence)s::text AS occurrence,
       jsonb_build_object('entry', (array_agg(n.item ORDER BY n.place))[1] || jsonb_build_object(
         'count', count(*), 'items', jsonb_agg(n.item ORDER BY n.place))) AS context
FROM interest i JOIN news n ON n.place = i.place
-- Counted rather than joined: those who are interested are few beside all clients and all orders.
WHERE (SELECT c.merged_into_id IS NULL FROM loyalty_client c WHERE c.id = i.client_id) AND (
  SELECT count(*) FROM loyalty_order o
  JOIN loyalty_orderline l ON l.order_id = o.id JOIN loyalty_product p ON p.id = l.product_id
  WHERE o.client_id = i.client_id AND p.external_id = n.product AND o.status <> 'cancelled'
    AND o.ordered_at > %(since)s) = 0
GROUP BY i.client_id"""
