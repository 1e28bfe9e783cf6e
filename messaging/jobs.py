"""Jobs of the outbox."""

from datetime import timedelta

from django.utils import timezone

from messaging.services import outbox

TURN = timedelta(seconds=20)


def pump() -> None:
    """Sends until nothing is due, then resolves messages whose sender died."""
    stop = timezone.now() + TURN
    while timezone.now() < stop:
        if not outbox.send_due(timezone.now()):
            break
    outbox.recover(timezone.now())
