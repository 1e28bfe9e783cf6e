"""Carts and orders: the current state of what clients want and bought. Money in minor units of `currency`."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.catalog import Product
from loyalty.models.client import Client
from loyalty.models.source import Source


class Cart(models.Model):
    """The newest known state of a cart; `changed_at` is the shop's own time, so late news never wins."""

    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    token = models.CharField(_("token"), max_length=200)
    client = models.ForeignKey(Client, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("client"))
    anonymous_id = models.CharField(_("anonymous id"), max_length=200, blank=True)
    lines = models.JSONField(_("lines"), default=list)
    total = models.BigIntegerField(_("total"), default=0)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    checkout_url = models.CharField(_("checkout address"), max_length=2000, blank=True)
    ordered_at = models.DateTimeField(
        _("ordered"), null=True, blank=True, help_text=_("A cart that changed after it was ordered is open again.")
    )
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("cart")
        verbose_name_plural = _("carts")
        constraints = [models.UniqueConstraint(fields=["source", "token"], name="cart_unique")]
        indexes = [
            models.Index(fields=["client", "-changed_at"], name="cart_client"),
            models.Index(
                fields=["source", "anonymous_id"], name="cart_anonymous", condition=models.Q(client__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.token


class Order(models.Model):
    """An order or a receipt."""

    class Status(models.TextChoices):
        CREATED = "created", pgettext_lazy("order", "created")
        PAID = "paid", _("paid")
        CANCELLED = "cancelled", _("cancelled")
        PART_REFUNDED = "part_refunded", _("partly refunded")
        REFUNDED = "refunded", _("refunded")

    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    number = models.CharField(_("number"), max_length=100, blank=True)
    client = models.ForeignKey(Client, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("client"))
    anonymous_id = models.CharField(_("anonymous id"), max_length=200, blank=True)
    cart_token = models.CharField(_("cart token"), max_length=200, blank=True)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.CREATED)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.BigIntegerField(_("total"))
    discount = models.BigIntegerField(_("discount"), default=0)
    refunded = models.BigIntegerField(_("refunded"), default=0)
    refunded_goods = models.JSONField(
        _("refunded goods"), default=dict, help_text=_("Product's external id → value of what came back, where told.")
    )
    history = models.BooleanField(
        _("history"), default=False, help_text=_("Paid before the platform listened: it earns nothing.")
    )
    bonuses_spent = models.BigIntegerField(_("bonuses spent"), default=0, help_text=_("Returned ones not counted."))
    bonuses_earned = models.BigIntegerField(_("bonuses earned"), default=0, help_text=_("Taken back not counted."))
    ordered_at = models.DateTimeField(_("ordered"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True, help_text=_("When it was first told to be paid."))
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="order_unique"),
            models.CheckConstraint(condition=models.Q(total__gte=0, discount__gte=0), name="order_not_negative"),
        ]
        indexes = [
            models.Index(fields=["client", "ordered_at"], name="order_client"),
            models.Index(fields=["ordered_at"], name="order_time"),
            models.Index(
                fields=["source", "anonymous_id"],
                name="order_anonymous",
                condition=models.Q(client__isnull=True) & ~models.Q(anonymous_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.external_id


class OrderLine(models.Model):
    """One line of an order; `total` is what was paid for the line after discounts."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", db_index=False, verbose_name=_("order"))
    position = models.PositiveIntegerField(_("position"))
    product = models.ForeignKey(Product, models.PROTECT, null=True, blank=True, verbose_name=_("product"))
    title = models.CharField(_("title"), max_length=500, blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=12, decimal_places=3)
    price = models.BigIntegerField(_("price"))
    total = models.BigIntegerField(_("total"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [models.UniqueConstraint(fields=["order", "position"], name="order_line_unique")]

    def __str__(self) -> str:
        return self.title
