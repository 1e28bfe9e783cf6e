"""Which channel serves an account, and which one where no account is: the environment's, else memory."""

from django.conf import settings

from messaging.channels.base import Answer, Channel, later
from messaging.channels.email_backend import BackendEmail
from messaging.channels.esp import Esp
from messaging.channels.fcm import Fcm
from messaging.channels.gateway import Gateway
from messaging.channels.memory import Memory
from messaging.channels.smtp import Server, Smtp
from messaging.channels.telegram import Telegram
from messaging.channels.twilio import Twilio
from messaging.channels.vk import Vk
from messaging.channels.web_push import WebPush
from messaging.channels.whatsapp import WhatsApp
from messaging.models import Channel as Name
from messaging.models import (
    ChannelAccount,
    EspAccount,
    FcmAccount,
    GatewayAccount,
    Message,
    SmtpAccount,
    TelegramAccount,
    TwilioAccount,
    VkAccount,
    WebPushAccount,
    WhatsAppAccount,
)

SMTP = "django.core.mail.backends.smtp.EmailBackend"
TIMEOUT = 15.0  # seconds for one call, where no account says another


class Broken(Channel):
    """An account that cannot be used as it is set up: its messages wait until staff have mended it."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def send(self, message: Message) -> Answer:
        return later(self._why)


def channel_of(account: ChannelAccount) -> Channel:
    """The channel of an account. One account that is wrong must not stop the others."""
    try:
        return _made(account)
    except ValueError as error:
        return Broken(f"the account's settings cannot be used: {error}"[:300])


def _made(account: ChannelAccount) -> Channel:
    match account:
        case SmtpAccount():
            security = account.Security(account.security)
            server = Server(
                account.host,
                account.port,
                account.username,
                account.password,
                tls=security == account.Security.TLS,
                starttls=security == account.Security.STARTTLS,
                timeout=account.timeout,
            )
            return Smtp(server, account.from_email)
        case TwilioAccount():
            return Twilio(account.sid, account.token, account.number, settings.TWILIO_API_BASE, account.timeout)
        case WhatsAppAccount():
            return WhatsApp(account.sid, account.token, account.number, settings.TWILIO_API_BASE, account.timeout)
        case EspAccount():
            return Esp(account.service, account.settings(), account.from_email, account.timeout)
        case GatewayAccount():
            return Gateway(account)
        case TelegramAccount():
            return Telegram(account.token, settings.TELEGRAM_API_BASE, account.timeout)
        case VkAccount():
            return Vk(account.token, settings.VK_API_BASE, account.timeout)
        case FcmAccount():
            return Fcm(account.key(), settings.FCM_API_BASE, account.timeout)
        case WebPushAccount():
            return WebPush(account.signing_key(), account.contact, account.timeout)
        case _:
            raise TypeError(f"{type(account).__name__} has no channel")


def usual(name: str) -> Channel:
    """The channel by its name, as the environment sets it up."""
    match name:
        case Name.EMAIL if settings.EMAIL_BACKEND == SMTP:
            server = Server(
                settings.EMAIL_HOST,
                settings.EMAIL_PORT,
                settings.EMAIL_HOST_USER,
                settings.EMAIL_HOST_PASSWORD,
                tls=settings.EMAIL_USE_SSL,
                starttls=settings.EMAIL_USE_TLS,
                timeout=settings.EMAIL_TIMEOUT or TIMEOUT,
            )
            return Smtp(server, settings.DEFAULT_FROM_EMAIL)
        case Name.EMAIL:
            return BackendEmail()
        case Name.SMS if settings.TWILIO_ACCOUNT_SID:
            return Twilio(
                settings.TWILIO_ACCOUNT_SID,
                settings.TWILIO_AUTH_TOKEN,
                settings.TWILIO_FROM,
                settings.TWILIO_API_BASE,
                TIMEOUT,
            )
        case _:
            return Memory()
