"""What staff do with messages from clients: answer them, mark them as handled (semantics §28)."""

from datetime import datetime
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as t

from messaging.models import SERVICE, Channel, InboundMessage
from messaging.services import outbox


def reply(inbound: InboundMessage, text: str, author: User | None, now: datetime) -> int:
    """Answers to the same address by the same channel, as what the client is owed; returns the message's id.

    It goes through the outbox like every message: a suppressed address stays silent. Marks the message as handled.
    """
    draft = outbox.Draft(
        client_id=inbound.client_id,
        scenario_id=None,
        run_id=None,
        step_key="",
        visit=1,
        channel=inbound.channel,
        topic=SERVICE,
        address=inbound.address,
        subject=t("Reply to your message") if inbound.channel == Channel.EMAIL else "",
        body=text,
        key=f"inbox:{inbound.pk}:{uuid4().hex}",
        turn=outbox.turn(0, owed=True),
    )
    with transaction.atomic():
        (inbound.reply_id,) = outbox.queue([draft], now)
        inbound.save(update_fields=["reply_id"])
        handle(inbound, author, now)
    return inbound.reply_id


def handle(inbound: InboundMessage, author: User | None, now: datetime) -> None:
    """Marks the message as handled by somebody."""
    inbound.handled_at, inbound.handled_by = now, author
    inbound.save(update_fields=["handled_at", "handled_by"])


def reopen(inbound: InboundMessage) -> None:
    """Marks the message as waiting again."""
    inbound.handled_at = inbound.handled_by = None
    inbound.save(update_fields=["handled_at", "handled_by"])
