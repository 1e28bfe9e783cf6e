"""Test sends: an account tried with a few words, a message as it would be; in no statistics (semantics §25)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as t

from messaging.buttons import Button
from messaging.models import Channel, ChannelAccount, ChannelContent, Reason, Recipient
from messaging.services import outbox, policy, preview, recipients, rulebook
from messaging.services.policy import Stage

TOPIC = "test"
# What also stands against a test to a client: they would get it in earnest.
_AGAINST = {Reason.NO_CONSENT, Reason.NO_ADDRESS, Reason.SUPPRESSED}


def send_test(
    account: ChannelAccount, address: str, subject: str, body: str, extras: Mapping[str, object], now: datetime
) -> int:
    """Queues a test through this account, before all others; returns the message's id."""
    return _queue(account.channel, TOPIC, address, now, subject=subject, body=body, extras=extras, account=account.pk)


def send_message(
    content: ChannelContent,
    topic: str,
    buttons: Sequence[dict[str, str]],
    client_id: int | None,
    address: str,
    now: datetime,
) -> int:
    """Queues a message as the client would get it, to an address; returns its id.

    Its buttons are real and do nothing. Raises TemplateError and RenderError.
    """
    written = preview.write(content, buttons, client_id, now)
    said, subject = written.said, written.said.subject
    if content.channel == Channel.EMAIL:
        subject = t("[Test] %(subject)s") % {"subject": subject}
    return _queue(
        content.channel, topic, address, now,
        subject=subject, body=said.body, html=said.html, extras=said.extras, buttons=written.buttons,
    )  # fmt: skip


def address_of(client_id: int, channel: str, topic: str, now: datetime) -> tuple[str, Reason | None]:
    """Where a test reaches the client, or why it may not: no address, no consent, suppressed."""
    clients = recipients.load([client_id])
    if client_id not in clients:
        return "", Reason.NO_ADDRESS
    verdict = policy.judge(policy.asks_of(clients, channel, topic), rulebook.load(now), now, Stage.SHOWING).get(
        client_id
    )
    if verdict is not None and verdict.reason in _AGAINST:
        return "", Reason(verdict.reason)
    return clients[client_id].address(channel), None


def _queue(
    channel: str,
    topic: str,
    address: str,
    now: datetime,
    *,
    subject: str,
    body: str,
    html: str = "",
    extras: Mapping[str, object],
    buttons: Sequence[Button] = (),
    account: int = 0,
) -> int:
    # Of nobody, whoever gets it: it is no message to a client, and counts for no cap.
    draft = outbox.Draft(
        client_id=None, scenario_id=None, run_id=None, step_key="", visit=1,
        channel=channel, topic=topic, address=address, subject=subject, body=body, html=html,
        recipient=Recipient.STAFF, account_id=account, turn=-outbox.OWED, test=True, extras=extras, buttons=buttons,
    )  # fmt: skip
    with transaction.atomic():
        return outbox.queue([draft], now)[0]
