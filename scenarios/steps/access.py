"""Gifts, and access to services (mechanics T44)."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from loyalty.models import AccessGrant
from loyalty.services.ledger import lifetime_end
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, EndAccess, GiveAccess, Outcome


class Giving(Step):
    """What gifts and accesses have in common: a code, or a link for all, valid for some days."""

    kind: AccessGrant.Kind

    name = models.CharField(pgettext_lazy("grant", "what"), max_length=200)
    link = models.URLField(
        _("link"), max_length=1000, blank=True, help_text=_("Empty: every client gets a code of their own.")
    )
    days = models.PositiveIntegerField(
        _("valid for days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(36_500)],
        help_text=_("Empty: for good. It ends by itself."),
    )

    class Meta:
        abstract = True

    def until(self) -> str:
        """For how long, in the current language."""
        if self.days is None:
            return t("for good")
        return ngettext("for %(n)d day", "for %(n)d days", self.days) % {"n": self.days}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        zone = timezone.get_default_timezone()
        ends_at = None if self.days is None else lifetime_end(now, self.days, zone)
        return [Outcome(effects=(GiveAccess(self.kind, self.name, ends_at, self.link),))] * len(batch.runs)


class GrantAccess(Giving):
    """Grants access to a service; texts below say `{{ access.code }}`, `{{ access.url }}`, `{{ access.until }}`."""

    icon = "key"
    provides = ("access",)
    kind = AccessGrant.Kind.ACCESS

    class Meta:
        verbose_name = _("grant access")
        verbose_name_plural = _("grants of access")

    def sentence(self) -> str:
        return t("Grant access to «%(what)s» %(until)s") % {"what": self.name, "until": self.until()}


class RevokeAccess(Step):
    """Ends an access or a gift that the client holds, before its time."""

    icon = "key_off"
    locks_clients = True

    kind = models.CharField(_("kind"), max_length=10, choices=AccessGrant.Kind, default=AccessGrant.Kind.ACCESS)
    name = models.CharField(
        pgettext_lazy("grant", "what"), max_length=200, help_text=_("As it was named when it was granted.")
    )

    class Meta:
        verbose_name = _("revoke access")
        verbose_name_plural = _("revocations of access")

    def clean(self) -> None:
        if not self.name.strip():
            raise ValidationError({"name": _("What is to end?")})

    def sentence(self) -> str:
        if self.kind == AccessGrant.Kind.GIFT:
            return t("Take back the gift «%(what)s»") % {"what": self.name}
        return t("End access to «%(what)s»") % {"what": self.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(EndAccess(self.kind, self.name),))] * len(batch.runs)
