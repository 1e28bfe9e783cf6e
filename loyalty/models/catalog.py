"""What the shops sell."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.source import Source


class Category(models.Model):
    """A category of goods as its source names it."""

    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="category_unique")]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A product, learnt from catalogue webhooks and from the lines of carts and orders."""

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
    in_stock = models.BooleanField(_("in stock"), default=True)
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="product_unique")]
        indexes = [models.Index(fields=["sku"], name="product_sku", condition=~models.Q(sku=""))]

    def __str__(self) -> str:
        return self.title or self.sku or self.external_id
