"""Withdrawing bonuses."""

from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.services import programme
from scenarios.steps import amounts
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, Withdraw


class WithdrawBonuses(Step):
    """Takes bonuses away, soonest expiry first, never below zero (semantics §33, §35)."""

    class WhenLess(models.TextChoices):
        PARTLY = "partly", _("take what is left")
        SKIP = "skip", _("take nothing")

    icon = "money_off"

    amount = models.DecimalField(
        _("bonuses"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("Empty: all that the client has available."),
    )
    when_less = models.CharField(
        _("when the client has fewer"), max_length=10, choices=WhenLess, default=WhenLess.PARTLY
    )
    reason = models.CharField(_("reason shown to the client"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("withdraw bonuses")
        verbose_name_plural = _("withdrawals of bonuses")

    def clean(self) -> None:
        if not amounts.fits(self.amount, programme.current()):
            raise ValidationError({"amount": _("Bonuses of this programme have no fractions.")})

    def sentence(self) -> str:
        if self.amount is None:
            return t("Withdraw all bonuses")
        if self.when_less == self.WhenLess.PARTLY:
            return t("Withdraw %(bonuses)s, or what is left") % {"bonuses": amounts.in_words(self.amount)}
        return t("Withdraw %(bonuses)s, if there are so many") % {"bonuses": amounts.in_words(self.amount)}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        amount = None if self.amount is None else amounts.minor(self.amount, programme.current())
        effect = Withdraw(amount, self.when_less == self.WhenLess.PARTLY, self.reason)
        return [Outcome(effects=(effect,))] * len(batch.runs)
