"""What staff do with messages from clients: answer them, mark them as handled (semantics §28)."""

from datetime import datetime
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as t

from messaging.models import SERVICE, Channel, InboundMessage
from messaging.services import outbox, staff

QUOTED = 300  # characters of a message that a notice of it repeats


def tell_staff(inbound: InboundMessage, now: datetime) -> None:
    """Tells staff who asked for it that a message waits for an answer, once each. In the caller's transaction."""
    people = staff.who_asked("on_reply")
    if not people:
        return
    who = str(inbound.client) if inbound.client else t("somebody whom we do not know")
    words = t("%(who)s writes by %(channel)s:") % {"who": who, "channel": inbound.get_channel_display()}
    link = staff.admin_link(reverse("admin:messaging_inboundmessage_change", args=[inbound.pk]))
    body = f"{words}\n{inbound.text[:QUOTED]}\n{link}"
    outbox.queue(staff.notices(people, f"inbox-notice:{inbound.pk}", t("A client has written"), body,
                               inbound.client_id), now)  # fmt: skip


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
