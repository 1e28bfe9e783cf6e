"""Addresses that must not be written to."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.content import Channel


class Suppression(models.Model):
    """An address that nobody writes to (semantics §21), and who said so; staff may lift it by deleting the row."""

    class Kind(models.TextChoices):
        PROVIDER = "provider", _("the provider cannot deliver there")
        COMPLAINT = "complaint", _("the client complained of spam")
        STOPPED = "stopped", _("the client wrote STOP or blocked us")
        STAFF = "staff", _("by hand")
        IMPORT = "import", _("from a file")
        ERASED = "erased", _("the client's data was erased")

    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    address = models.CharField(_("address"), max_length=1000)
    kind = models.CharField(_("reason"), max_length=10, choices=Kind, default=Kind.PROVIDER)
    why = models.CharField(_("details"), max_length=300, blank=True)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        permissions = [("fill_suppression", _("Can take suppressed addresses from and to files"))]
        constraints = [models.UniqueConstraint(fields=["channel", "address"], name="suppression_unique")]

    def __str__(self) -> str:
        return self.address
