"""Jobs of the outbox."""

import time
from datetime import timedelta

from django.utils import timezone

from messaging.services import outbox

# As in scenarios.jobs: the worker is given back after a turn, and a trickle is gathered for a moment.
TURN = timedelta(seconds=2)
TRICKLE = 10  # messages
GATHER = 0.05  # seconds


def pump() -> None:
    """Sends until nothing is due, then resolves messages whose sender died."""
    stop = timezone.now() + TURN
    while timezone.now() < stop:
        sent = outbox.send_due(timezone.now())
        if not sent:
            break
        if sent < TRICKLE:
            time.sleep(GATHER)
    outbox.recover(timezone.now())
