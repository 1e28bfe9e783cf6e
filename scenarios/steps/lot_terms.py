"""How long accrued bonuses live, and what the client is told of their burning (semantics §32, §38)."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.services.ledger import lifetime_end
from messaging.models import Channel
from messaging.services import render
from messaging.services.palette import NOTICE_NAMES
from scenarios.steps.outcomes import Accrue


class LotTerms(models.Model):
    """The columns of every step that accrues; `engine/notices.py` says the notices in the step's words."""

    lifetime_days = models.PositiveIntegerField(
        _("burn after days"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(36_500)],
        help_text=_("Empty: they never burn."),
    )
    reason = models.CharField(_("reason shown to the client"), max_length=200, blank=True)
    warn = models.BooleanField(_("warn before they burn"), default=False)
    warn_days = models.PositiveSmallIntegerField(
        _("days before burning"), default=3, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    warn_subject = models.CharField(_("subject"), max_length=300, blank=True, help_text=_("For e-mail only."))
    warn_text = models.TextField(
        _("text of the warning"), blank=True, help_text=_("Empty: nothing is sent, only the event is there.")
    )
    notify_burn = models.BooleanField(_("tell when they have burnt"), default=False)
    burn_subject = models.CharField(_("subject"), max_length=300, blank=True, help_text=_("For e-mail only."))
    burn_text = models.TextField(
        _("text when burnt"), blank=True, help_text=_("Empty: nothing is sent, only the event is there.")
    )
    notice_channel = models.CharField(
        _("told by"),
        max_length=10,
        choices=[(Channel.EMAIL, Channel.EMAIL.label), (Channel.SMS, Channel.SMS.label)],
        default=Channel.EMAIL,
    )

    class Meta:
        abstract = True

    def wrong_terms(self) -> dict[str, object]:
        """By field, what forbids these terms."""
        wrong: dict[str, object] = {}
        if (self.warn or self.notify_burn) and not self.lifetime_days:
            wrong["lifetime_days"] = _("What never burns needs no warning.")
        elif self.warn and self.lifetime_days and self.warn_days >= self.lifetime_days:
            wrong["warn_days"] = _("The warning would come before the bonuses do.")
        for name in ("warn_subject", "warn_text", "burn_subject", "burn_text"):
            try:
                render.check(getattr(self, name))
                if unknown := render.compiled(getattr(self, name)).names - NOTICE_NAMES:
                    wrong[name] = t("Not known in a notice: %(names)s") % {"names": ", ".join(sorted(unknown))}
            except render.TemplateError as error:
                wrong[name] = str(error)
        if self.notice_channel == Channel.EMAIL:
            for on, text, subject in (
                ("warn", "warn_text", "warn_subject"),
                ("notify_burn", "burn_text", "burn_subject"),
            ):
                if getattr(self, on) and getattr(self, text) and not getattr(self, subject):
                    wrong[subject] = _("An e-mail needs a subject.")
        return wrong

    def lot(self, amount: int, now: datetime) -> Accrue:
        """The accrual of so many bonuses, in minor units, at `now` (UTC)."""
        zone = timezone.get_default_timezone()
        expires_at = None if self.lifetime_days is None else lifetime_end(now, self.lifetime_days, zone)
        warn_days = self.warn_days if self.warn and expires_at else None
        return Accrue(amount, now, expires_at, self.reason, warn_days, self.notify_burn and bool(expires_at))

    def lasting(self, accrue: str) -> str:
        """An accrual in words, with how long it lives."""
        if self.lifetime_days is None:
            return t("%(accrue)s that never burn") % {"accrue": accrue}
        days = ngettext("%(n)d day", "%(n)d days", self.lifetime_days) % {"n": self.lifetime_days}
        return t("%(accrue)s for %(days)s") % {"accrue": accrue, "days": days}
