"""Jobs of the engine. A pump does everything that is due and returns; doubled, it finds nothing left (semantics §8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from scenarios.engine import clocks
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events

# A pump gives its worker back after this long, whatever is left: the next tick goes on.
TURN = timedelta(seconds=20)


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
        if not (done.events or done.clocks or done.runs):
            return


def pump_once(now: datetime) -> Pumped:
    """One batch of each at `now` (UTC)."""
    return Pumped(read_events(now), clocks.fire_due(now), advance_due(now))
