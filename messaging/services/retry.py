"""Trying a message again because staff asked, recorded with who did (semantics §20: nothing is blindly sent again)."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from messaging.models import Message, MessageRetry, Status


def retry(message_ids: Collection[int], by: str, now: datetime, may_double: bool = False) -> int:
    """Queues failed messages again, and unknown ones only where `may_double`: they may have arrived. How many.

    The same row goes on, so that a message stays one line of the log, and everything is asked once more before it
    leaves: consent, suppression, quiet hours, caps, the scenario. One that had used up its tries gets one more.
    Messages in any other state are left alone, so that asking twice sends once.
    """
    states = [Status.FAILED, Status.UNKNOWN] if may_double else [Status.FAILED]
    with transaction.atomic():
        held = list(Message.objects.select_for_update().filter(pk__in=message_ids, status__in=states).order_by("pk"))
        MessageRetry.objects.bulk_create(
            MessageRetry(message=row, by=by, at=now, status=row.status, reason=row.reason, error=row.error)
            for row in held
        )
        # `tries` go on counting: an answer to an earlier try is told apart by them.
        Message.objects.filter(pk__in=[row.pk for row in held]).update(
            status=Status.QUEUED, reason="", error="", due_at=now, claimed_at=None
        )
    return len(held)
