"""The demo mailbox: what the sink e-mail backend was given, for staff to read."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SinkEmail(models.Model):
    """An e-mail that stayed here (EMAIL_URL=sink://). Unique by Message-ID, so a crash can be reconciled."""

    message_id = models.CharField(_("Message-ID"), max_length=250, unique=True)
    sender = models.CharField(_("from"), max_length=254)
    recipients = models.CharField(_("to"), max_length=1000)
    subject = models.TextField(_("subject"), blank=True)
    body = models.TextField(_("text"))
    received_at = models.DateTimeField(_("received"), auto_now_add=True)

    class Meta:
        verbose_name = _("demo mailbox e-mail")
        verbose_name_plural = _("demo mailbox")

    def __str__(self) -> str:
        return self.subject
