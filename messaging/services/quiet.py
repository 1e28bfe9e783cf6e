"""When a message may go: send windows and pause dates by the client's clock, and how a backlog is spread (§23).

A moment is worked out once a zone, so that a batch costs what its zones cost, however many clients are in it.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from loyalty.local_time import moment, next_open
from loyalty.services import zones
from messaging.models import Reason
from messaging.services.rulebook import Pause, Rulebook, Window
from messaging.services.verdict import Verdict

# A pause date ends at midnight; nobody is woken for it.
MORNING = time(10)
# Where the channel has no window that says otherwise.
SPREAD = timedelta(hours=1)
# Pause dates and windows may push each other on; a year of them is a mistake of whoever set them.
_TURNS = 400


class Clock:
    """Answers, for one moment and one channel, from when on a client of a zone may be written to."""

    def __init__(self, book: Rulebook, channel: str, now: datetime) -> None:
        self._window, self._pauses, self._now = book.window(channel), book.pauses, now
        self._known: dict[str, Verdict | None] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is ever held back."""
        return self._window is None and not self._pauses

    def held(self, zone: str) -> Verdict | None:
        """What holds marketing back in a zone (IANA name; the programme's where it is none); None: nothing."""
        if zone not in self._known:
            self._known[zone] = self._look(zone)
        return self._known[zone]

    def _look(self, zone: str) -> Verdict | None:
        where = zones.named(zone)
        spread = self._window.spread if self._window else SPREAD
        first: Reason | None = None
        at = self._now
        for _ in range(_TURNS):
            if pause := _pause(self._pauses, at.astimezone(where).date()):
                if first is None and pause.skip:
                    return Verdict(Reason.PAUSE_DATE, None, spread)
                first = first or Reason.PAUSE_DATE
                opens = self._window.opens if self._window else MORNING
                at = moment(pause.last + timedelta(days=1), opens, where)
                continue
            later = _opening(self._window, at, where)
            if later <= at:
                break
            if first is None and self._window is not None and self._window.skip:
                return Verdict(Reason.QUIET_HOURS, None, spread)
            first, at = first or Reason.QUIET_HOURS, later
        return Verdict(first, at, spread) if first else None


def _pause(pauses: Sequence[Pause], day: date) -> Pause | None:
    return next((pause for pause in pauses if pause.first <= day <= pause.last), None)


def _opening(window: Window | None, at: datetime, where: ZoneInfo) -> datetime:
    return next_open(at, where, window.weekdays, window.opens, window.closes) if window else at


def share(message_id: int, spread: timedelta) -> timedelta:
    """How long after the opening a message of the backlog leaves: always the same for it, and even for all (§23).

    Multiplied by the golden ratio, whole numbers in a row fill a circle evenly, however many there are.
    """
    return spread * (message_id * 2_654_435_769 % 2**32) / 2**32
