"""What the orders together say of the products: counted every night (`loyalty/services/product_facts.py`)."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.catalog import Category, Product


class ProductPair(models.Model):
    """Of a product, one that is bought with it more often than chance would have it; the best few, by rank from 1.

    Lift is how many times as often the two are in one order as they would be if they had nothing to do with each other.
    """

    product = models.ForeignKey(
        Product, models.CASCADE, related_name="pairs", db_index=False, verbose_name=_("product")
    )
    other = models.ForeignKey(
        Product, models.CASCADE, related_name="+", db_index=False, verbose_name=_("bought together with")
    )
    together = models.IntegerField(_("orders with both"))
    lift = models.FloatField(_("lift"))
    rank = models.SmallIntegerField(_("place"))

    class Meta:
        verbose_name = _("products bought together")
        verbose_name_plural = _("products bought together")
        constraints = [models.UniqueConstraint(fields=["product", "rank"], name="product_pair_rank")]

    def __str__(self) -> str:
        return f"{self.product_id} + {self.other_id}"


class ProductPopularity(models.Model):
    """How many different clients bought a product of late, and its place among all and in its category, from 1."""

    product = models.OneToOneField(
        Product, models.CASCADE, primary_key=True, related_name="popularity", verbose_name=_("product")
    )
    category = models.ForeignKey(
        Category, models.CASCADE, null=True, related_name="+", db_index=False, verbose_name=_("category")
    )
    buyers = models.IntegerField(_("buyers"))
    rank = models.IntegerField(_("place among all"))
    category_rank = models.IntegerField(_("place in its category"))

    class Meta:
        verbose_name = _("popularity of a product")
        verbose_name_plural = _("popularity of products")
        indexes = [
            models.Index(fields=["rank"], name="popularity_rank"),
            models.Index(fields=["category", "category_rank"], name="popularity_category"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.buyers}"


class ProductCount(models.Model):
    """The last count of these facts: one row."""

    counted_at = models.DateTimeField(_("counted"))
    orders = models.BigIntegerField(_("orders"))
    pairs = models.BigIntegerField(_("pairs"))
    products = models.BigIntegerField(_("products"))
    seconds = models.FloatField(_("took, seconds"))

    class Meta:
        verbose_name = _("count of product facts")
        verbose_name_plural = _("counts of product facts")

    def __str__(self) -> str:
        return f"{self.counted_at:%Y-%m-%d %H:%M}"


class Recommendation(models.TextChoices):
    """Kinds of recommendations (`loyalty/services/recommendations/`)."""

    PERSONAL = "personal", _("by the client's interests")
    TOGETHER = "together", _("bought together with what the client bought")
    ACCESSORIES = "accessories", _("accessories that the client has not bought yet")
    BESTSELLERS = "bestsellers", _("bestsellers of the categories that interest the client")
    NEW = "new", _("new in the categories that interest the client")
    PROMO = "promo", _("promo items")
    AFFORDABLE = "affordable", _("payable with the client's bonuses")
    VIEWED = "viewed", _("viewed and not bought")
    SIMILAR = "similar", _("similar to what the client looked at")
    SEARCH = "search", _("results for what the client searched")
    POPULAR = "popular", pgettext_lazy("products", "popular with everybody")
