"""What an order has to do with bonuses: spent on it, earned by it. Bonuses in minor units of the programme."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.accrual import AccrualRule
from loyalty.models.ledger import BonusHold, BonusOperation
from loyalty.models.order import Order


class Purchase(models.Model):
    """The bonus side of an order: made when bonuses are held for it or when it first earns.

    `terms` keeps what the accrual was counted from — the lines and the rules that applied — so that a refund counts
    by the rules of the purchase, not by today's (semantics §35).
    """

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, verbose_name=_("order"))
    bill = models.BigIntegerField(
        _("bill"), null=True, help_text=_("Value of the goods when bonuses were held, before bonuses; minor units.")
    )
    hold = models.OneToOneField(BonusHold, models.PROTECT, null=True, verbose_name=_("hold"))
    spending = models.OneToOneField(BonusOperation, models.PROTECT, null=True, verbose_name=_("spending"))
    spent = models.BigIntegerField(_("spent"), default=0)
    returned = models.BigIntegerField(_("returned"), default=0, help_text=_("Spent bonuses that refunds gave back."))
    counted_at = models.DateTimeField(_("counted"), null=True, help_text=_("When the order earned; once an order."))
    earned = models.BigIntegerField(_("earned"), default=0)
    clawed = models.BigIntegerField(_("taken back"), default=0)
    terms = models.JSONField(_("terms"), default=dict)
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("bonuses of an order")
        verbose_name_plural = _("bonuses of orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(spent__gte=0, returned__gte=0, returned__lte=F("spent")), name="purchase_returned_of_spent"
            ),
            models.CheckConstraint(
                condition=Q(earned__gte=0, clawed__gte=0, clawed__lte=F("earned")), name="purchase_clawed_of_earned"
            ),
        ]

    def __str__(self) -> str:
        return f"+{self.earned - self.clawed} −{self.spent - self.returned}"


class OrderBonus(models.Model):
    """Bonuses that a scenario gave as a percent of an order: they follow what the order is worth after its returns.

    Taken back by `loyalty.services.order_bonuses` with whatever else a return takes back (semantics §35).
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="bonuses", verbose_name=_("order"))
    operation = models.OneToOneField(BonusOperation, models.PROTECT, verbose_name=_("operation"))
    percent = models.DecimalField(_("percent"), max_digits=5, decimal_places=2)
    amount = models.BigIntegerField(pgettext_lazy("bonuses", "granted"))
    kept = models.BigIntegerField(_("kept"))

    class Meta:
        verbose_name = _("percent of an order")
        verbose_name_plural = _("percents of orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, kept__gte=0, kept__lte=F("amount")), name="order_bonus_kept"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kept}/{self.amount}"


class PurchaseAccrual(models.Model):
    """One credit of a purchase: what its rules of one lifetime gave together."""

    purchase = models.ForeignKey(Purchase, models.CASCADE, related_name="accruals", verbose_name=_("purchase"))
    rule = models.ForeignKey(AccrualRule, models.SET_NULL, null=True, verbose_name=_("rule"))
    operation = models.OneToOneField(BonusOperation, models.PROTECT, verbose_name=_("operation"))
    amount = models.BigIntegerField(pgettext_lazy("bonuses", "granted"))
    kept = models.BigIntegerField(_("kept"))

    class Meta:
        verbose_name = _("accrual of a purchase")
        verbose_name_plural = _("accruals of purchases")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, kept__gte=0, kept__lte=F("amount")), name="purchase_accrual_kept"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kept}/{self.amount}"
