"""E-mail through a Django backend: whatever EMAIL_URL names, the demo mailbox."""

import asyncio
import smtplib

from django.conf import settings
from django.core.mail import get_connection
from django.db import connection as database

from messaging.channels import email_text
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.models import Message, SinkEmail

SINK = "messaging.channels.sink.EmailBackend"


class BackendEmail(Channel):
    """The backend of the settings. It blocks, so it is called from a thread."""

    def __init__(self) -> None:
        # The demo mailbox is a table beside the log: one transaction holds both.
        self.transactional = settings.EMAIL_BACKEND == SINK

    def store(self, message: Message) -> Answer:
        email = email_text.compose(message, settings.DEFAULT_FROM_EMAIL)
        get_connection().send_messages([email])
        return accepted(email_text.message_id(message, settings.DEFAULT_FROM_EMAIL))

    async def send(self, message: Message) -> Answer:
        return await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> Answer:
        try:
            get_connection().send_messages([email_text.compose(message, settings.DEFAULT_FROM_EMAIL)])
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            # It may have hung up after taking the message.
            return unknown(str(error))
        except OSError as error:
            return later(f"{type(error).__name__}: {error}")
        except ValueError as error:
            return refused(str(error))
        finally:
            database.close()  # this thread's own, should the backend have opened one
        return accepted(email_text.message_id(message, settings.DEFAULT_FROM_EMAIL))

    def stored(self, message: Message) -> bool | None:
        known = email_text.message_id(message, settings.DEFAULT_FROM_EMAIL)
        return SinkEmail.objects.filter(message_id=known).exists()
