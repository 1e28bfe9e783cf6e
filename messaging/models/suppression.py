"""Addresses that must not be written to."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.content import Channel


class Suppression(models.Model):
    """An address that a provider called permanently bad (semantics §21); staff may lift it by deleting the row."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    address = models.CharField(_("address"), max_length=1000)
    why = models.CharField(_("reason"), max_length=300, blank=True)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        constraints = [models.UniqueConstraint(fields=["channel", "address"], name="suppression_unique")]

    def __str__(self) -> str:
        return self.address
