"""Accruing bonuses."""

from datetime import datetime

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.services.ledger import lifetime_end
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Accrue, Batch, Outcome


class AccrueBonuses(Step):
    """Accrues a fixed amount; the lot burns `lifetime_days` after its activation (semantics §32, A8)."""

    icon = "redeem"

    amount = models.PositiveIntegerField(_("bonuses"), validators=[MinValueValidator(1)])
    lifetime_days = models.PositiveIntegerField(
        _("burn after days"), null=True, blank=True, help_text=_("Empty: they never burn.")
    )
    reason = models.CharField(_("reason shown to the client"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("accrue bonuses")
        verbose_name_plural = _("accruals of bonuses")

    def sentence(self) -> str:
        accrue = ngettext("Accrue %(n)d bonus", "Accrue %(n)d bonuses", self.amount) % {"n": self.amount}
        if self.lifetime_days is None:
            return t("%(accrue)s that never burn") % {"accrue": accrue}
        days = ngettext("%(n)d day", "%(n)d days", self.lifetime_days) % {"n": self.lifetime_days}
        return t("%(accrue)s for %(days)s") % {"accrue": accrue, "days": days}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        zone = timezone.get_default_timezone()
        expires_at = None if self.lifetime_days is None else lifetime_end(now, self.lifetime_days, zone)
        outcome = Outcome(effects=(Accrue(self.amount, now, expires_at, self.reason),))
        return [outcome] * len(batch.runs)
