"""Messages that staff asked to be sent again."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.message import Message


class MessageRetry(models.Model):
    """One request to try a message again: who asked, and what had become of it before."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="retries", verbose_name=_("message"))
    by = models.CharField(_("asked by"), max_length=150)
    at = models.DateTimeField(_("asked"))
    status = models.CharField(_("status before"), max_length=10)
    reason = models.CharField(_("reason before"), max_length=30, blank=True)
    error = models.TextField(_("error before"), blank=True)

    class Meta:
        verbose_name = _("new try of a message")
        verbose_name_plural = _("new tries of messages")

    def __str__(self) -> str:
        return f"#{self.message_id} {self.by}"
