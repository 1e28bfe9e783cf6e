"""E-mail accounts."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.fields import EncryptedTextField
from messaging.models.account import ChannelAccount
from messaging.models.content import Channel


class SmtpAccount(ChannelAccount):
    """A mail server."""

    CHANNELS = (Channel.EMAIL,)
    SECRETS = ("password",)

    class Security(models.TextChoices):
        STARTTLS = "starttls", _("STARTTLS (usual with port 587)")
        TLS = "tls", _("TLS from the start (usual with port 465)")
        NONE = "none", _("none: a server inside")

    from_email = models.CharField(_("from"), max_length=254, help_text=_("Shop <news@shop.example>"))
    host = models.CharField(_("server"), max_length=253)
    port = models.PositiveIntegerField(
        _("port"), default=587, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    security = models.CharField(_("encryption"), max_length=10, choices=Security, default=Security.STARTTLS)
    username = models.CharField(_("user name"), max_length=254, blank=True)
    password = EncryptedTextField(_("password"), blank=True)

    class Meta:
        verbose_name = _("mail server (SMTP)")
        verbose_name_plural = _("mail servers (SMTP)")

    @property
    def sender(self) -> str:
        return self.from_email
