"""Trying an account: one message to an address that staff typed, in no statistics (semantics §25)."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from messaging.models import ChannelAccount, Recipient
from messaging.services import outbox

TOPIC = "test"


def send_test(
    account: ChannelAccount, address: str, subject: str, body: str, extras: Mapping[str, object], now: datetime
) -> int:
    """Queues a test through this account, before all others; returns the message's id."""
    draft = outbox.Draft(
        client_id=None,
        scenario_id=None,
        run_id=None,
        step_key="",
        visit=1,
        channel=account.channel,
        topic=TOPIC,
        address=address,
        subject=subject,
        body=body,
        recipient=Recipient.STAFF,
        account_id=account.pk,
        turn=-outbox.OWED,
        test=True,
        extras=extras,
    )
    with transaction.atomic():
        return outbox.queue([draft], now)[0]
