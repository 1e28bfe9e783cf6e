"""Accounts of messengers: a bot in Telegram, a community in VK."""

from secrets import token_urlsafe

from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.fields import EncryptedTextField
from messaging.models.account import ChannelAccount
from messaging.models.content import Channel


def _secret() -> str:
    return token_urlsafe(24)


class TelegramAccount(ChannelAccount):
    """A bot. Clients sign up by its link, which carries who they are."""

    CHANNELS = (Channel.TELEGRAM,)
    SECRETS = ("token",)

    username = models.CharField(
        _("user name of the bot"),
        max_length=40,
        validators=[RegexValidator("^[A-Za-z0-9_]{5,}$", _("Without @."))],
        help_text=_("Without @, as in t.me/…"),
    )
    token = EncryptedTextField(_("token"), blank=True, help_text=_("As @BotFather gave it."))
    # Proves that what comes in by the webhook is Telegram's; told to it when the account is saved.
    webhook_secret = EncryptedTextField(default=_secret, editable=False)

    class Meta:
        verbose_name = _("Telegram bot")
        verbose_name_plural = _("Telegram bots")

    @property
    def sender(self) -> str:
        return f"@{self.username}"


class VkAccount(ChannelAccount):
    """A community of VK that writes to those who allowed it."""

    CHANNELS = (Channel.VK,)
    SECRETS = ("token", "callback_secret")

    group_id = models.PositiveBigIntegerField(_("id of the community"))
    token = EncryptedTextField(_("access key"), blank=True, help_text=_("With the right to send messages."))
    confirmation = models.CharField(
        _("confirmation string"), max_length=40, blank=True, help_text=_("Of the Callback API; VK asks for it once.")
    )
    callback_secret = EncryptedTextField(
        _("secret key of the Callback API"), blank=True, validators=[MinLengthValidator(8)]
    )

    class Meta:
        verbose_name = _("VK community")
        verbose_name_plural = _("VK communities")

    @property
    def sender(self) -> str:
        return f"vk.com/club{self.group_id}"
