"""The last look before the send: what the room above and the suppression list say now (semantics §12, §19)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.module_loading import import_string

from loyalty.services import rows
from messaging.models import Message, Reason, Status, Suppression

# A paused scenario's messages are looked at again after this long.
DEFER = timedelta(minutes=1)


def passing(batch: Sequence[Message], now: datetime) -> list[Message]:
    """Those of one channel that may go out; the others are put off or withheld, each with its reason."""
    if not batch:
        return []
    refused: dict[int, Reason] = import_string(settings.OUTBOX_GATE)(batch, now)
    suppressed = set(
        Suppression.objects.filter(
            channel=batch[0].channel, address__in=[message.address for message in batch]
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
