"""Where clients are reached beside their e-mail and phone: chats, devices, browsers."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from messaging.models.content import Channel


class ClientAddress(models.Model):
    """An address on a channel that only the channel itself can give: a chat, the token of an app, a browser.

    It belongs to one client at a time: a phone that changes hands takes its app along.
    """

    client = models.ForeignKey(
        Client, models.CASCADE, related_name="addresses", db_index=False, verbose_name=_("client")
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    value = models.CharField(_("address"), max_length=1000)
    device = models.CharField(_("device"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("address of a client")
        verbose_name_plural = _("addresses of clients")
        constraints = [models.UniqueConstraint(fields=["channel", "value"], name="address_unique")]
        indexes = [models.Index(fields=["client", "channel", "-seen_at"], name="address_newest")]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} #{self.pk}"
