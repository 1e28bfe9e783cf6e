"""What the shops sell."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.source import Source


class Category(models.Model):
    """A category of goods as its source names it."""

    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    name = models.CharField(_("name"), max_length=200)
    accessories = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="accessory_of", verbose_name=_("goes well with"),
        help_text=_("Categories of accessories and supplies: recommended to those who bought in this one."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="category_unique")]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A product, learnt from catalogue webhooks and from the lines of carts and orders.

    `told_at`: when the catalogue itself last spoke of it (`loyalty/services/price_list.py`); from then on what carts,
    orders and views say of price and stock is not taken.
    """

    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    sku = models.CharField(_("SKU"), max_length=200, blank=True)
    title = models.CharField(_("title"), max_length=500, blank=True)
    brand = models.CharField(_("brand"), max_length=200, blank=True)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True, verbose_name=_("category"))
    price = models.BigIntegerField(_("price"), null=True, blank=True, help_text=_("In minor units of the currency."))
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    url = models.CharField(_("address"), max_length=1000, blank=True)
    image_url = models.CharField(_("picture"), max_length=1000, blank=True)
    old_price = models.BigIntegerField(
        _("price before"), null=True, blank=True, help_text=_("Crossed out: what a promo item cost, in minor units.")
    )
    old_price_until = models.DateTimeField(
        _("promo until"), null=True, blank=True, help_text=_("Empty: as long as the shop says so.")
    )
    in_stock = models.BooleanField(_("in stock"), default=True)
    stock = models.PositiveIntegerField(
        _("pieces left"), null=True, blank=True, help_text=_("Empty: the shop does not say.")
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    told_at = models.DateTimeField(_("told by the catalogue"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="product_unique")]
        indexes = [
            models.Index(fields=["sku"], name="product_sku", condition=~models.Q(sku="")),
            models.Index(
                fields=["-published_at"], name="product_newest", condition=models.Q(published_at__isnull=False)
            ),
            # Russian stems its own words and leaves English ones to the English stemmer.
            GinIndex(SearchVector("title", "brand", config="russian"), name="product_words"),
        ]

    def __str__(self) -> str:
        return self.title or self.sku or self.external_id


class ProductChange(models.Model):
    """What the catalogue told of a product: its price, that it is back or sold out, that it is new. Only added.

    It is nobody's event. Rows with `spread` false are news that may start scenarios: for clients who looked at the
    product, wait for it or buy in its category. Whoever spreads them claims them with SKIP LOCKED.
    """

    class Kind(models.TextChoices):
        PRICE = "price", _("price")
        STOCK = "stock", _("stock")
        LEFT = "left", _("pieces left")
        PUBLISHED = "published", _("new product")

    product = models.ForeignKey(
        Product, models.CASCADE, related_name="changes", db_index=False, verbose_name=_("product")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    before = models.BigIntegerField(
        pgettext_lazy("value", "before"), null=True, help_text=_("A price in minor units, 1 in stock, or pieces left.")
    )
    after = models.BigIntegerField(pgettext_lazy("value", "after"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    drop_percent = models.DecimalField(
        _("cheaper by, %"), max_digits=5, decimal_places=2, null=True, help_text=_("Empty where it is not cheaper.")
    )
    at = models.DateTimeField(_("since"))
    recorded_at = models.DateTimeField(_("recorded"))
    spread = models.BooleanField(_("clients were looked for"), default=True)

    class Meta:
        verbose_name = _("change of a product")
        verbose_name_plural = _("changes of products")
        indexes = [
            models.Index(fields=["product", "kind", "-at"], name="product_change"),
            models.Index(fields=["id"], name="product_change_news", condition=models.Q(spread=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.at:%Y-%m-%d}"
