"""A Django e-mail backend that keeps messages in the database (EMAIL_URL=sink://): the demo mailbox."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from messaging.models import SinkEmail


class EmailBackend(BaseEmailBackend):
    """Stores what it is given; staff read it in the admin."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        SinkEmail.objects.bulk_create(
            [
                SinkEmail(
                    message_id=email.extra_headers.get("Message-ID") or email.message()["Message-ID"],
                    sender=email.from_email,
                    recipients=", ".join(email.recipients()),
                    subject=str(email.subject),
                    body=str(email.body),
                )
                for email in email_messages
            ],
            ignore_conflicts=True,
        )
        return len(email_messages)
