"""Message templates that WhatsApp approved, as Twilio keeps them."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

SID = "^HX[0-9a-fA-F]{32}$"


class WhatsAppTemplate(models.Model):
    """What may be said in WhatsApp at any time: a fixed text with gaps, and quick replies under it.

    It is named by its SID in steps, so that a scenario travels; the words are here for whoever writes and reads.
    """

    sid = models.CharField(
        _("SID"), max_length=34, unique=True, validators=[RegexValidator(SID, _("HX and 32 characters."))]
    )
    name = models.CharField(_("name"), max_length=200)
    language = models.CharField(_("language"), max_length=20, blank=True)
    # As Twilio says it: approved, pending, rejected …
    status = models.CharField(_("status"), max_length=30, blank=True)
    body = models.TextField(_("text"), help_text=_("As it was approved, with {{1}} where a variable stands."))
    # Names of the gaps, each with the example that was given for it.
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    replies = models.JSONField(_("quick replies"), default=list, blank=True)
    loaded_at = models.DateTimeField(_("loaded"))

    class Meta:
        verbose_name = _("WhatsApp template")
        verbose_name_plural = _("WhatsApp templates")
        ordering = ["name", "language"]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})" if self.language else self.name
