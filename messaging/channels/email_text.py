"""An e-mail as it goes over the wire, the same for every provider."""

from email.utils import parseaddr

from django.core.mail import EmailMessage

from messaging.models import Message


def compose(message: Message, sender: str) -> EmailMessage:
    """The e-mail of a logged message. Raises ValueError for a header that no e-mail may have."""
    return EmailMessage(
        subject=" ".join(message.subject.split()),
        body=message.body,
        from_email=sender,
        to=[message.address],
        headers={"Message-ID": message_id(message, sender)},
    )


def message_id(message: Message, sender: str) -> str:
    """The Message-ID of a logged message: the same at every try, so that a copy is recognised wherever it went."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<loyalty-{message.pk}@{domain}>"
