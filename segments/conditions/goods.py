"""A product, a category or a brand: bought, viewed, put in the cart; so often, or never."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from segments.conditions.amounts import Counted, happened
from segments.conditions.base import Condition, MenuGroup
from segments.conditions.orders import PURCHASE
from segments.facts import Facts, Span, Term


class GoodsCondition(Counted, Condition):
    """The client bought, viewed or put in the cart certain goods at least, or at most, n times in the window.

    Goods are named as in the shop, so that a scenario means the same elsewhere: a product by its id or SKU, a category
    by its id or name, a brand by its name (names without regard to case). What counts as a time: a paid order with
    such goods in it that were not all returned; a view of such a product (or of the category's own page); a cart with
    such goods put in it (without the cart's token, every change of a cart). What an event does not say of a product
    is taken from the catalogue, by the product's id.
    """

    menu_group = MenuGroup.PURCHASES

    class Deed(models.TextChoices):
        BOUGHT = "bought", _("bought")
        VIEWED = "viewed", _("viewed")
        CARTED = "carted", _("put in the cart")

    class Kind(models.TextChoices):
        PRODUCT = "product", pgettext_lazy("bought", "the product")
        CATEGORY = "category", pgettext_lazy("bought", "the category")
        BRAND = "brand", pgettext_lazy("bought", "the brand")
        PROMO = "promo", pgettext_lazy("bought", "a category with promo items")

    deed = models.CharField(_("what was done"), max_length=10, choices=Deed, default=Deed.BOUGHT)
    kind = models.CharField(_("with"), max_length=10, choices=Kind, default=Kind.CATEGORY)
    value = models.CharField(
        _("which"),
        max_length=200,
        blank=True,
        help_text=_("A product by its id in the shop or its SKU; a category by its id or name; a brand by its name."),
    )

    class Meta:
        verbose_name = _("goods: bought, viewed, put in the cart")
        verbose_name_plural = _("goods: bought, viewed, put in the cart")

    def clean(self) -> None:
        super().clean()
        if self.kind == self.Kind.PROMO:
            self.value = ""
        elif not self.value:
            raise ValidationError({"value": _("Which goods?")})

    def term(self, facts: Facts) -> Term:
        select = {self.Deed.BOUGHT: self._bought, self.Deed.VIEWED: self._viewed, self.Deed.CARTED: self._carted}
        times = facts.relation(select[self.Deed(self.deed)](facts))
        return Term(self.often_enough(facts, f"{times}.n"), {"count": f"{times}.n"})

    def _bought(self, facts: Facts) -> str:
        return f"""SELECT bought.client_id, count(DISTINCT bought.id) AS n FROM (
                     SELECT o.client_id, o.id
                     FROM loyalty_order o
                     JOIN loyalty_orderline l ON l.order_id = o.id JOIN loyalty_product p ON p.id = l.product_id
                     WHERE {PURCHASE} AND {self.inside(facts, "o.ordered_at")} AND {facts.among("o.client_id")}
                       AND {self._product(facts)}
                     GROUP BY o.id, p.id
                     HAVING sum(l.total) = 0
                       OR sum(l.total) > coalesce((o.refunded_goods ->> p.external_id)::bigint, 0)) bought
                   GROUP BY bought.client_id"""

    def _viewed(self, facts: Facts) -> str:
        test = f"e.name = 'product.viewed' AND ({self._said(facts, 'e.payload')})"
        if self.kind in (self.Kind.CATEGORY, self.Kind.PROMO):
            test = f"{test} OR e.name = 'category.viewed' AND ({self._own(facts, 'e.payload')})"
        return f"""SELECT e.client_id, count(*) AS n FROM loyalty_event e
                   WHERE e.name IN ('product.viewed', 'category.viewed') AND ({test})
                     AND {self.inside(facts, "e.occurred_at")} AND {facts.among("e.client_id")}
                   GROUP BY e.client_id"""

    def _carted(self, facts: Facts) -> str:
        lines = "CASE WHEN jsonb_typeof(e.payload -> 'lines') = 'array' THEN e.payload -> 'lines' ELSE '[]' END"
        cart = "coalesce(nullif(e.payload ->> 'cart_token', ''), '#' || e.id)"
        return f"""SELECT e.client_id, count(DISTINCT {cart}) AS n
                   FROM loyalty_event e
                   WHERE e.name = 'cart.updated' AND coalesce(e.payload ->> 'change', '') <> 'removed'
                     AND {self.inside(facts, "e.occurred_at")} AND {facts.among("e.client_id")}
                     AND EXISTS (SELECT FROM jsonb_array_elements({lines}) v(j) WHERE {self._said(facts, "v.j")})
                   GROUP BY e.client_id"""

    def _on_promo(self, facts: Facts) -> str:
        """The categories in which something is on promo now."""
        return (
            "SELECT k.category_id FROM loyalty_product k WHERE k.in_stock AND k.old_price > k.price"
            f" AND (k.old_price_until IS NULL OR k.old_price_until > {facts.moment()})"
        )

    def _product(self, facts: Facts) -> str:
        """Whether the product `p` of the catalogue is meant."""
        if self.kind == self.Kind.PROMO:
            return f"p.category_id IN ({self._on_promo(facts)})"
        value = facts.value(self.value)
        match self.kind:
            case self.Kind.PRODUCT:
                return f"(p.external_id = {value} OR p.sku = {value})"
            case self.Kind.CATEGORY:
                return (
                    f"p.category_id IN (SELECT k.id FROM loyalty_category k"
                    f" WHERE k.external_id = {value} OR lower(k.name) = lower({value}))"
                )
        return f"lower(p.brand) = lower({value})"

    def _own(self, facts: Facts, json: str) -> str:
        """Whether a product, as an event tells it, says itself that it is meant."""
        if self.kind == self.Kind.PROMO:
            return (
                f"EXISTS (SELECT FROM loyalty_category q WHERE q.id IN ({self._on_promo(facts)})"
                f" AND (q.external_id = {json} ->> 'category_id' OR lower(q.name) = lower({json} ->> 'category')))"
            )
        value = facts.value(self.value)
        match self.kind:
            case self.Kind.PRODUCT:
                return f"{json} ->> 'product_id' = {value} OR {json} ->> 'sku' = {value}"
            case self.Kind.CATEGORY:
                return f"{json} ->> 'category_id' = {value} OR lower({json} ->> 'category') = lower({value})"
        return f"lower({json} ->> 'brand') = lower({value})"

    def _said(self, facts: Facts, json: str) -> str:
        known = f"SELECT p.external_id FROM loyalty_product p WHERE {self._product(facts)}"
        return f"{self._own(facts, json)} OR {json} ->> 'product_id' IN ({known})"

    def sentence(self) -> str:
        if self.kind == self.Kind.PROMO:
            said = t("%(deed)s a category with promo items") % {"deed": self.get_deed_display()}
            return f"{said} {self.how_often()}"
        said = t("%(deed)s %(kind)s «%(value)s»") % {
            "deed": self.get_deed_display(),
            "kind": self.get_kind_display(),
            "value": self.value,
        }
        return f"{said} {self.how_often()}"

    def seen(self, saw: Mapping[str, Any]) -> str:
        return happened(saw["count"])

    def changing(self, span: Span) -> tuple[str, ...]:
        if self.deed == self.Deed.BOUGHT:
            crossed = self.edges(span, "o.ordered_at")
            return (f"SELECT o.client_id FROM loyalty_order o WHERE o.client_id IS NOT NULL AND {crossed}",)
        names = ["product.viewed", "category.viewed"] if self.deed == self.Deed.VIEWED else ["cart.updated"]
        return (
            f"SELECT e.client_id FROM loyalty_event e"
            f" WHERE e.name = ANY({span.value(names)}) AND {self.edges(span, 'e.occurred_at')}",
        )
