"""Which channel serves: the provider of the environment, else memory."""

from django.conf import settings

from messaging.channels.base import Channel
from messaging.channels.email import Email
from messaging.channels.memory import Memory
from messaging.channels.sms_twilio import TwilioSms
from messaging.models import Channel as Name


def channel_for(name: str) -> Channel:
    """The channel by its name, set up from the settings in force."""
    match name:
        case Name.EMAIL:
            return Email()
        case Name.SMS if settings.TWILIO_ACCOUNT_SID:
            return TwilioSms(
                settings.TWILIO_ACCOUNT_SID,
                settings.TWILIO_AUTH_TOKEN,
                settings.TWILIO_FROM,
                settings.TWILIO_API_BASE,
            )
        case _:
            return Memory()
