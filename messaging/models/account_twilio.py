"""Accounts at Twilio."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.fields import EncryptedTextField
from messaging.models.account import ChannelAccount
from messaging.models.content import Channel


class _Twilio(ChannelAccount):
    """What any account at Twilio has."""

    sid = models.CharField(
        _("account SID"), max_length=34, validators=[RegexValidator("^AC[0-9a-fA-F]{32}$", _("AC and 32 characters."))]
    )
    token = EncryptedTextField(_("auth token"), blank=True)
    number = models.CharField(
        _("sender"), max_length=40, help_text=_("A number such as +15005550006, a name, or a messaging service (MG…).")
    )

    class Meta:
        abstract = True


class TwilioAccount(_Twilio):
    """SMS through Twilio."""

    CHANNELS = (Channel.SMS,)
    SECRETS = ("token",)

    class Meta:
        verbose_name = _("Twilio (SMS)")
        verbose_name_plural = _("Twilio (SMS)")

    @property
    def sender(self) -> str:
        return self.number


class WhatsAppAccount(_Twilio):
    """WhatsApp through Twilio: templates that WhatsApp approved, with variables and quick replies."""

    CHANNELS = (Channel.WHATSAPP,)
    SECRETS = ("token",)

    class Meta:
        verbose_name = _("Twilio (WhatsApp)")
        verbose_name_plural = _("Twilio (WhatsApp)")

    @property
    def sender(self) -> str:
        return self.number
