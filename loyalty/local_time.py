"""Moments that a marketer names by the calendar and the clock of a client's zone (semantics §10).

A time that a clock change skips is the first valid one after it; one that it repeats is the first of the two.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def moment(day: date, at: time, where: ZoneInfo) -> datetime:
    """The moment (UTC) at which the clock shows `at` on that day; the first valid one where it never does."""
    # fold=0 is the first of two such moments, and in a gap what the clock before the change would have said.
    late = datetime.combine(day, at, tzinfo=where).astimezone(UTC)
    early = datetime.combine(day, at.replace(fold=1), tzinfo=where).astimezone(UTC)
    if early >= late:
        return late
    # A gap: the change lies after `early` and at or before `late`.
    offset = late.astimezone(where).utcoffset()
    low, high = 0, int((late - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        changed = (early + timedelta(seconds=middle)).astimezone(where).utcoffset() == offset
        low, high = (low, middle) if changed else (middle, high)
    return early + timedelta(seconds=high)


def next_open(
    now: datetime, where: ZoneInfo, weekdays: Collection[int], opens: time | None, closes: time | None
) -> datetime:
    """The first moment from `now` (UTC) on inside a weekly window: `now` itself where it is inside.

    `weekdays` are ISO numbers (1 is Monday); none: every day. A window that closes before or as it opens lasts
    until the next day; without hours it is the whole day.
    """
    today = now.astimezone(where).date()
    # Yesterday's may last into today; after two weeks every weekday came, however the calendar jumped.
    for day in (today + timedelta(days=shift) for shift in range(-1, 15)):
        if weekdays and day.isoweekday() not in weekdays:
            continue
        start = moment(day, opens or time(), where)
        until_next = closes is None or closes <= (opens or time())
        end = moment(day + timedelta(days=1) if until_next else day, closes or time(), where)
        if now < end and start < end:
            return max(now, start)
    raise ValueError(f"weekdays: none of {sorted(weekdays)} is a day of the week")
