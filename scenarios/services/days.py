"""Days of the programme's zone."""

from datetime import date, datetime, time, timedelta

from loyalty.local_time import moment
from loyalty.services import programme


def bounds(day: date) -> tuple[datetime, datetime]:
    """When the day begins (inclusive) and ends (exclusive), in UTC: 23 to 25 hours where clocks change."""
    zone = programme.zone()
    return moment(day, time(), zone), moment(day + timedelta(days=1), time(), zone)


def of(at: datetime) -> date:
    """The day of a moment."""
    return at.astimezone(programme.zone()).date()


def span(first: date, last: date) -> list[date]:
    """All days from `first` to `last`, both included."""
    return [first + timedelta(days=shift) for shift in range((last - first).days + 1)]
