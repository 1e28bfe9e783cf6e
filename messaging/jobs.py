"""Jobs of the outbox."""

import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string

from messaging.services import cascade, opt_in, outbox, reports, touches

# As in scenarios.jobs: the worker is given back after a turn, and a trickle is gathered for a moment.
TURN = timedelta(seconds=2)
TRICKLE = 10  # messages
GATHER = 0.05  # seconds
# Seconds that the worker waits for slow providers after its turn; a thread waits for the rest.
LINGER = 1.0


def pump() -> None:
    """Sends until nothing is due, then resolves messages whose sender died."""
    cascade.fall_through(timezone.now())
    sending = outbox.Sending()
    stop = timezone.now() + TURN
    dealt = 0
    while timezone.now() < stop:
        dealt = sending.claim(timezone.now())
        if sending.in_flight:
            sending.gather(timezone.now(), patience=GATHER if dealt else 5 * GATHER)
        elif not dealt:
            break
        elif dealt < TRICKLE:
            time.sleep(GATHER)
    if dealt:
        # The other queues have their turn, then it goes on.
        import_string(settings.JOB_NUDGE)("messaging.jobs.pump", "outbox")
    linger = time.monotonic() + LINGER
    while sending.in_flight and time.monotonic() < linger:
        sending.gather(timezone.now(), patience=GATHER)
    if sending.in_flight:
        threading.Thread(target=_finish, args=(sending,), name="slow-answers").start()
    outbox.recover(timezone.now())


def _finish(sending: outbox.Sending) -> None:
    """Writes the answers of slow providers as they come."""
    try:
        while sending.in_flight:
            sending.gather(timezone.now(), patience=5.0)
    finally:
        connection.close()


def ask_to_confirm() -> None:
    """Writes to clients who are to confirm that they agree, and lets go what nobody confirmed in time."""
    while opt_in.ask(timezone.now()):
        pass


def fold() -> None:
    """Applies what providers report, counts opens and clicks until none is left, then gives the worker back."""
    stop = timezone.now() + TURN
    while timezone.now() < stop and reports.apply(timezone.now()):
        pass
    while timezone.now() < stop and touches.fold(timezone.now()):
        pass
