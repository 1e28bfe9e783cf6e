"""An e-mail as it goes over the wire, the same for every provider."""

from email.utils import parseaddr

from django.core.mail import EmailMessage, EmailMultiAlternatives

from messaging import tokens
from messaging.models import Message, Recipient

# Messages that the client is owed, and what is no client's: there is nothing to unsubscribe from.
_OWED = ("service", "staff")


def compose(message: Message, sender: str) -> EmailMessage:
    """The e-mail of a logged message. Raises ValueError for a header that no e-mail may have."""
    email = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=message.body,
        from_email=sender,
        to=[message.address],
        headers={"Message-ID": message_id(message, sender), **_way_out(message)},
    )
    if message.html:
        email.attach_alternative(message.html, "text/html")
    return email


def _way_out(message: Message) -> dict[str, str]:
    """The button "unsubscribe" of mail programs (RFC 8058): a POST acts, without a page."""
    if message.client_id is None or message.recipient != Recipient.CLIENT or message.topic in _OWED:
        return {}
    address = tokens.preferences_url(message.client_id, message.pk)
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def message_id(message: Message, sender: str) -> str:
    """The Message-ID of a logged message: the same at every try, so that a copy is recognised wherever it went."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<loyalty-{message.pk}@{domain}>"
