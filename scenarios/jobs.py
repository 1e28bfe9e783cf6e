"""Jobs of the engine. A pump does everything that is due and returns; doubled, it finds nothing left (semantics §8)."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from scenarios.engine import clocks, webhooks
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.engine.scan import scan_due
from scenarios.services import alarms, daily, rehearsals, retention, split_results, uplift

# A pump gives its worker back after this long, so that the other queues have their turn; whatever is left, the
# next tick goes on with.
TURN = timedelta(seconds=2)
# The same for what has the night.
THINNING = timedelta(minutes=10)
# A trickle is gathered for a moment: ten rows in one batch cost little more than one, and a job much more than a look.
TRICKLE = 50  # rows
GATHER = 0.1  # seconds


@dataclass(slots=True)
class Pumped:
    """What one pump did."""

    events: int = 0
    clocks: int = 0
    runs: int = 0


def pump() -> None:
    """Reads events, fires clocks and advances runs until nothing is due."""
    stop = timezone.now() + TURN
    while timezone.now() < stop:
        done = pump_once(timezone.now())
        rows = done.events + done.clocks + done.runs
        if not rows:
            return
        if rows < TRICKLE:
            time.sleep(GATHER)


def scan() -> None:
    """Lets in whom dates and schedules have come due for, a batch of each trigger at a time."""
    stop = timezone.now() + TURN
    while scan_due(timezone.now()):
        if timezone.now() >= stop:
            # Many clients at once: the other queues have their turn, then it goes on where it was.
            import_string(settings.JOB_NUDGE)("scenarios.jobs.scan", "runs")
            return


def call_webhooks() -> None:
    """Calls other systems until no call is due."""
    stop = timezone.now() + TURN
    while timezone.now() < stop and webhooks.call_due(timezone.now()):
        pass


def rehearse() -> None:
    """Runs the rehearsals that staff ordered, one after another."""
    while rehearsals.run_next(timezone.now()):
        pass


def pick_winners() -> None:
    """Chooses the winners of A/B splits for which the facts suffice."""
    split_results.pick_winners(timezone.now())


def pump_once(now: datetime) -> Pumped:
    """One batch of each at `now` (UTC)."""
    return Pumped(read_events(now), clocks.fire_due(now), advance_due(now))


def count_results() -> None:
    """Counts the results of the last days again, and what control groups show; every night (semantics §47–51)."""
    daily.count_recent(timezone.now())
    uplift.count_all(timezone.now())


def count_today() -> None:
    """Counts the results of yesterday and today, so that staff need not wait for the night."""
    daily.count_recent(timezone.now(), back=1)


def tell_problems() -> None:
    """Tells staff who asked for it of what goes wrong."""
    alarms.tell(timezone.now())


def part_log() -> None:
    """Makes the log's parts for the coming months, and drops those that nobody keeps."""
    retention.part_log(timezone.now())


def thin_out() -> None:
    """Deletes finished work from before the months that are kept, in small batches."""
    stop = timezone.now() + THINNING
    for _ in retention.thin_out(timezone.now()):
        if timezone.now() >= stop:
            # The rest next time: the other queues have their turn.
            return
