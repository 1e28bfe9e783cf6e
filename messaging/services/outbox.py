"""The outbox: record first, then send (semantics §20–21).

`queue` writes messages in the caller's transaction. `send_due` claims a handful — as many as go out at
the same time — marks them as being sent, commits, calls the provider, and writes the answers. A
process that dies in between leaves them "being sent"; `recover` later asks the channel where it can
be asked, and otherwise marks them unknown. Nothing is ever blindly sent again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from loyalty.bulk import copy
from loyalty.services import rows
from messaging.channels import Answer, Channel, channel_for
from messaging.models import Message, Reason, Recipient, Status, Suppression

# How long a claimed message may take before its sender is taken for dead: longer than any provider's timeout.
LEASE = timedelta(minutes=2)
# Waits before the 2nd, 3rd … try of a message that a provider could not take for the moment.
BACKOFF = [timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)]
# A paused scenario's messages are looked at again after this long.
DEFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be written to the send log. One with a `key` is written once, whoever asks again."""

    client_id: int
    scenario_id: int | None
    run_id: int | None
    step_key: str
    visit: int
    channel: str
    topic: str
    address: str
    subject: str
    body: str
    withheld: str = ""
    error: str = ""
    recipient: str = Recipient.CLIENT
    key: str = ""
    # When to send it, in UTC; None: now.
    due_at: datetime | None = None


_COLUMNS = (
    "id, client_id, recipient, key, scenario_id, run_id, step_key, visit, attempt, channel, topic, address, subject,"
    " body, status, reason, error, provider_id, tries, due_at, created_at"
)


def queue(drafts: Sequence[Draft], now: datetime) -> list[int]:
    """Writes messages to the log in the caller's transaction; returns their ids in order.

    Of a key that was written before, the id it has. Raises IntegrityError where (run, step, visit) has one
    already: the caller's transaction is the guard.
    """
    keys = [draft.key for draft in drafts if draft.key]
    known = dict(Message.objects.filter(key__in=keys).values_list("key", "pk")) if keys else {}
    fresh = [draft for draft in drafts if draft.key not in known] if known else drafts
    written = iter(_write(fresh, now))
    return [known.get(draft.key) or next(written) for draft in drafts]


def _write(drafts: Sequence[Draft], now: datetime) -> list[int]:
    if not drafts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('messaging_message', 'id')) FROM generate_series(1, %s)",
            [len(drafts)],
        )
        ids = [message_id for (message_id,) in cursor.fetchall()]
    copy(
        "messaging_message",
        _COLUMNS,
        (
            (
                message_id, draft.client_id, draft.recipient, draft.key, draft.scenario_id, draft.run_id,
                draft.step_key, draft.visit, 1, draft.channel, draft.topic, draft.address, draft.subject, draft.body,
                "withheld" if draft.withheld else "queued", draft.withheld, draft.error, "", 0,
                draft.due_at or now, now,
            )
            for message_id, draft in zip(ids, drafts, strict=True)
        ),
    )  # fmt: skip
    if not all(draft.withheld for draft in drafts):
        transaction.on_commit(import_string(settings.OUTBOX_NUDGE), robust=True)
    return ids


def withhold_runs(run_ids: Collection[int], reason: Reason) -> None:
    """Takes back what is still queued for runs that ended."""
    if run_ids:
        Message.objects.filter(run_id__in=run_ids, status=Status.QUEUED).update(status=Status.WITHHELD, reason=reason)


def hand_over(guest: int, into: int) -> None:
    """Makes the messages of a guest those of the client whom the guest turned out to be."""
    Message.objects.filter(client=guest).update(client=into)


def send_due(now: datetime) -> int:
    """Sends one handful of due messages of one channel; returns how many were dealt with, 0 when nothing is due."""
    with transaction.atomic():
        batch, channel = _claim(now)
        if not batch or channel is None:
            return 0
        batch = _pass_gate(batch, now)
        if channel.transactional:
            # Delivered by this very transaction: there is no moment in which the outcome is unknown.
            _settle(channel, [(message, channel.send(message)) for message in batch], now)
            return max(len(batch), 1)
    answers = channel.send_many(batch) if batch else []
    with transaction.atomic():
        _settle(channel, list(zip(batch, answers, strict=True)), now)
    return max(len(batch), 1)


def _claim(now: datetime) -> tuple[list[Message], Channel | None]:
    due = Message.objects.filter(status=Status.QUEUED, due_at__lte=now).order_by("due_at")
    first = due.values_list("channel", flat=True).first()
    if first is None:
        return [], None
    channel = channel_for(first)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE messaging_message SET status = 'sending', claimed_at = %s, tries = tries + 1
               WHERE id IN (
                 SELECT id FROM messaging_message WHERE status = 'queued' AND due_at <= %s AND channel = %s
                 ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
               RETURNING id""",
            [now, now, first, channel.concurrency],
        )
        ids = [message_id for (message_id,) in cursor.fetchall()]
    return list(Message.objects.filter(pk__in=ids).order_by("due_at", "pk")), channel


def _pass_gate(batch: list[Message], now: datetime) -> list[Message]:
    """The last look before the send: what the room above and the suppression list say now (semantics §12, §19)."""
    refused: dict[int, Reason] = import_string(settings.OUTBOX_GATE)(batch, now)
    suppressed = set(
        Suppression.objects.filter(
            channel=batch[0].channel if batch else "", address__in=[message.address for message in batch]
        ).values_list("address", flat=True)
    )
    stopped = []
    for message in batch:
        reason = refused.get(message.pk) or (Reason.SUPPRESSED if message.address in suppressed else None)
        if reason is None:
            continue
        message.reason, message.claimed_at = reason, None
        message.tries -= 1
        if reason == Reason.SCENARIO_PAUSED:
            message.status, message.due_at = Status.QUEUED, now + DEFER
        else:
            message.status = Status.WITHHELD
        stopped.append(message)
    if stopped:
        rows.update(stopped, ("status", "reason", "claimed_at", "tries", "due_at"))
    gone = {message.pk for message in stopped}
    return [message for message in batch if message.pk not in gone]


def _settle(channel: Channel, answers: Sequence[tuple[Message, Answer]], now: datetime) -> None:
    for message, answer in answers:
        message.provider_id = answer.provider_id or message.provider_id
        message.error = answer.error[:2000]
        message.claimed_at = None
        match answer.kind:
            case Answer.Kind.ACCEPTED:
                message.status, message.reason, message.sent_at = Status.ACCEPTED, "", now
            case Answer.Kind.REFUSED:
                message.status, message.reason = Status.FAILED, Reason.PROVIDER_REFUSED
            case Answer.Kind.UNKNOWN:
                message.status, message.reason = Status.UNKNOWN, Reason.CRASHED
            case Answer.Kind.LATER if message.tries > len(BACKOFF):
                message.status, message.reason = Status.FAILED, Reason.PROVIDER_UNAVAILABLE
            case Answer.Kind.LATER:
                message.status, message.reason = Status.QUEUED, Reason.PROVIDER_UNAVAILABLE
                message.due_at = now + (answer.retry_after or BACKOFF[message.tries - 1])
    rows.update(
        [message for message, _ in answers],
        ("status", "reason", "error", "provider_id", "sent_at", "due_at", "claimed_at"),
    )
    Suppression.objects.bulk_create(
        [
            Suppression(channel=message.channel, address=message.address, why=answer.error[:300], since=now)
            for message, answer in answers
            if answer.suppress
        ],
        ignore_conflicts=True,
    )


def recover(now: datetime, limit: int = 100) -> int:
    """Resolves messages whose sender died between the call and the answer; returns how many.

    Where the provider can be asked, its answer counts: sent, or never received and so queued again.
    Where it cannot, the message is unknown, for staff to see (semantics §20).
    """
    with transaction.atomic():
        stuck = list(
            Message.objects.select_for_update(skip_locked=True)
            .filter(status=Status.SENDING, claimed_at__lte=now - LEASE)
            .order_by("claimed_at")[:limit]
        )
        for message in stuck:
            channel = channel_for(message.channel)
            found = channel.was_sent(message)
            message.claimed_at = None
            if found is None:
                message.status, message.reason = Status.UNKNOWN, Reason.CRASHED
            elif found:
                message.status, message.reason, message.sent_at = Status.ACCEPTED, "", now
            else:
                message.status, message.due_at = Status.QUEUED, now
        rows.update(stuck, ("status", "reason", "claimed_at", "sent_at", "due_at"))
    return len(stuck)
