"""Group commit: deliveries that come while another is being committed are committed together.

One webhook is one fact, and recording one fact takes fifteen small statements and a commit; recording ten takes the
same fifteen. So the requests of one process that wait at the same time are recorded by the first of them in one
transaction. A delivery that finds nobody before it never waits for company; the more come at once, the less each costs.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from loyalty.intake.facts import Fact
from loyalty.models import Source
from loyalty.services import events
from loyalty.services.events import Recorded

log = logging.getLogger(__name__)

# A delivery of more facts goes alone: it is a batch already.
SMALL = 20
# Facts in one common transaction: bounds how long the others wait for it.
MOST = 100
# While deliveries come in crowds, a leader waits so many seconds for the next crowd: the fewer transactions, the more
# of the processors is left for what follows from them.
GATHER = 0.015


@dataclass(slots=True)
class _Delivery:
    """What one request wants recorded, and what became of it."""

    source: Source
    facts: Sequence[Fact]
    now: datetime
    # Set when there is something to do for the request: to answer, to lead, or to record on its own.
    called: threading.Event = field(default_factory=threading.Event)
    recorded: list[Recorded] | None = None
    leads: bool = False


class Gathering:
    """Those who wait to be recorded in this process; one of them at a time records for several."""

    def __init__(self, write: Callable[[Source, Sequence[Fact], datetime], list[Recorded]] = events.record) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[_Delivery] = []
        self._led = False
        # Whether the last transaction was a common one: then more are on their way.
        self._crowded = False

    def record(self, source: Source, facts: Sequence[Fact], now: datetime) -> list[Recorded]:
        """As `events.record`, maybe in one transaction with what others deliver; all of it is committed on return.

        A failure is never shared: when the common transaction fails, everybody records on his own.
        """
        if connection.in_atomic_block or len(facts) > SMALL:
            return self._write(source, facts, now)
        mine = _Delivery(source, facts, now)
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            mine.called.wait()
        if mine.leads:
            self._lead(mine)
        return self._write(source, facts, now) if mine.recorded is None else mine.recorded

    def _lead(self, mine: _Delivery) -> None:
        if self._crowded:
            time.sleep(GATHER)
        company = self._company(mine)
        self._crowded = len(company) > 1
        try:
            self._record(company)
        except Exception:
            if len(company) == 1:
                raise
            log.info("deliveries could not be recorded together", extra={"deliveries": len(company)})
        finally:
            for delivery in company[1:]:
                delivery.called.set()
            self._hand_over()

    def _company(self, mine: _Delivery) -> list[_Delivery]:
        """Takes the leader, first, and who waits with facts of the same source, out of the queue."""
        with self._lock:
            self._waiting.remove(mine)
            company, room = [mine], MOST - len(mine.facts)
            for delivery in [other for other in self._waiting if other.source.pk == mine.source.pk]:
                room -= len(delivery.facts)
                if room < 0:
                    break
                self._waiting.remove(delivery)
                company.append(delivery)
        return company

    def _record(self, company: list[_Delivery]) -> None:
        facts = [fact for delivery in company for fact in delivery.facts]
        recorded = iter(self._write(company[0].source, facts, max(delivery.now for delivery in company)))
        for delivery in company:
            delivery.recorded = [next(recorded) for _ in delivery.facts]

    def _hand_over(self) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].called.set()


_gathering = Gathering()
record = _gathering.record
