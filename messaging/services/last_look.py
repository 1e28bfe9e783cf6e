"""The last look before the send: the whole policy once more, over a claimed batch (semantics §12, §19).

What was decided when a message was queued may have changed: an exit event, a consent taken back, a night begun.
"""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from loyalty.services import rows, zones
from messaging.models import Message, Reason, Recipient, Status
from messaging.services import cascade, policy, rulebook
from messaging.services.policy import Ask, Stage
from messaging.services.quiet import share


def passed(batch: Sequence[Message], now: datetime, stage: Stage) -> list[Message]:
    """Those of the messages that may go at `now` (UTC), in order; the others are put off or withheld, with the reason.

    In the caller's transaction. Where `SENDING`, places under caps are the caller's until it ends.
    """
    if not batch:
        return []
    above: dict[int, Reason] = cascade.superseded(batch) | import_string(settings.OUTBOX_GATE)(batch, now)
    book = rulebook.load(now)
    verdicts = policy.judge(_asks(batch, book), book, now, stage, above)
    stopped = []
    for message in batch:
        verdict = verdicts.get(message.pk)
        if verdict is None:
            continue
        message.reason, message.claimed_at = verdict.reason, None
        message.tries = max(0, message.tries - 1)
        paused = verdict.reason == Reason.SCENARIO_PAUSED
        message.paused_since = (message.paused_since or message.due_at) if paused else None
        if verdict.until is None:
            message.status = Status.WITHHELD
        else:
            message.status = Status.QUEUED
            message.due_at = verdict.until + share(message.pk, verdict.spread)
            if verdict.reason == Reason.FREQUENCY_CAP:
                message.capped_since = message.capped_since or now
        stopped.append(message)
    cascade.hurry([message.pk for message in stopped if message.status == Status.WITHHELD], now)
    rows.update(stopped, ("status", "reason", "claimed_at", "tries", "due_at", "capped_since", "paused_since"))
    return [message for message in batch if message.pk not in verdicts]


def _asks(batch: Sequence[Message], book: rulebook.Rulebook) -> list[Ask]:
    """What the messages ask for, the most urgent first."""
    timed = book.pauses or any(book.window(message.channel) for message in batch)
    where = zones.of_clients({message.client_id for message in batch if message.client_id}) if timed else {}
    return [
        Ask(
            message.pk,
            message.client_id or 0,
            message.channel,
            # Rules are for clients: what staff get, or try, is theirs.
            rulebook.STAFF if message.test or message.recipient == Recipient.STAFF else message.topic,
            message.address,
            where[message.client_id].key if message.client_id in where else "",
            message.capped_since,
            cascade.family(message) if message.attempt > 1 else None,
        )
        for message in batch
    ]
