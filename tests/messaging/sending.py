"""What tests of sending share."""

from datetime import datetime

from messaging.models import Message
from messaging.services import outbox
from tests.builders import NOW


def queue(client, channel="sms", body="Text", subject="Subject", address=None, now=NOW, **values) -> Message:
    """A queued message to a client; its key makes it one of no run."""
    address = address or (client.email if channel == "email" else client.phone)
    draft = outbox.Draft(client.pk, None, None, "", 1, channel, "service", address, subject, body, **values)
    return Message.objects.get(pk=outbox.queue([draft], now)[0])


def drain(now: datetime = NOW) -> None:
    """Sends until nothing may go out."""
    while outbox.send_due(now):
        pass


def sent(message: Message, now: datetime = NOW) -> Message:
    """The message as it is once everything was sent."""
    drain(now)
    message.refresh_from_db()
    return message
