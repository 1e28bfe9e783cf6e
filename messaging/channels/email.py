"""E-mail through any Django backend (EMAIL_URL)."""

import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection as database

from messaging.channels.base import Answer, Channel
from messaging.models import Message, SinkEmail

SINK = "messaging.channels.sink.EmailBackend"


class Email(Channel):
    """Plain-text e-mail. Its Message-ID is fixed, so that a copy can be recognised wherever it went."""

    def __init__(self) -> None:
        # The demo mailbox is a table beside the log: one transaction holds both.
        self.transactional = settings.EMAIL_BACKEND == SINK

    def send(self, message: Message) -> Answer:
        try:
            email = EmailMessage(
                subject=" ".join(message.subject.split()),
                body=message.body,
                from_email=settings.DEFAULT_FROM_EMAIL,
                to=[message.address],
                headers={"Message-ID": message_id(message)},
                connection=get_connection(),
            )
            email.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return _refusal(code, text, suppress=True)
        except smtplib.SMTPResponseException as error:
            return _refusal(error.smtp_code, error.smtp_error, suppress=False)
        except smtplib.SMTPServerDisconnected as error:
            # It may have hung up after taking the message.
            return Answer(Answer.Kind.UNKNOWN, error=str(error))
        except TimeoutError as error:
            return Answer(Answer.Kind.UNKNOWN, error=f"timeout: {error}")
        except OSError as error:
            return Answer(Answer.Kind.LATER, error=f"{type(error).__name__}: {error}")
        except ValueError as error:
            # A header that no e-mail may have.
            return Answer(Answer.Kind.REFUSED, error=str(error))
        finally:
            if not self.transactional:
                database.close()  # this thread's own, should the backend have opened one
        return Answer(Answer.Kind.ACCEPTED, provider_id=message_id(message))

    def was_sent(self, message: Message) -> bool | None:
        if self.transactional:
            return SinkEmail.objects.filter(message_id=message_id(message)).exists()
        return None


def message_id(message: Message) -> str:
    """The Message-ID of a logged message: the same at every try."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<loyalty-{message.pk}@{domain}>"


def _refusal(code: int, text: bytes | str, suppress: bool) -> Answer:
    words = f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    if 400 <= code < 500:
        return Answer(Answer.Kind.LATER, error=words)
    return Answer(Answer.Kind.REFUSED, error=words, suppress=suppress)
