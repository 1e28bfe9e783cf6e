"""Which local days come due at a time of day, zone by zone. Pure."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta

from loyalty.local_time import moment
from loyalty.services import zones
from loyalty.services.birthdays import celebrated

# Older than any client's registration or first order.
YEARS_BACK = 60


def days_due(at: time, names: Collection[str], since: datetime, until: datetime) -> dict[date, list[str]]:
    """The days whose `at` lies in (since, until] (UTC), each with the names of the zones where it does."""
    found: dict[date, list[str]] = {}
    for name in names:
        where = zones.named(name)
        day = since.astimezone(where).date() - timedelta(days=1)
        while day <= until.astimezone(where).date() + timedelta(days=1):
            if since < moment(day, at, where) <= until:
                found.setdefault(day, []).append(name)
            day += timedelta(days=1)
    return dict(sorted(found.items()))


def kept_on(day: date, yearly: bool) -> list[date]:
    """The dates that are kept on `day`: itself, or yearly the same day of earlier years.

    29 February is kept on the 28th in common years (semantics §7).
    """
    if not yearly:
        return [day]
    found = []
    for year in range(day.year - YEARS_BACK, day.year):
        for candidate in _like(day, year):
            if celebrated(candidate, day.year) == day:
                found.append(candidate)
    return found


def _like(day: date, year: int) -> Iterable[date]:
    """The dates of `year` that may be kept on the day: its namesake, and the 29th beside 28 February."""
    for month, number in {(day.month, day.day), (2, 29) if (day.month, day.day) == (2, 28) else (day.month, day.day)}:
        try:
            yield date(year, month, number)
        except ValueError:
            continue  # a common year has no 29 February


def bounds(day: date, name: str) -> tuple[datetime, datetime]:
    """The beginning and the end (UTC, exclusive) of a day in a zone."""
    where = zones.named(name)
    return moment(day, time(), where).astimezone(UTC), moment(day + timedelta(days=1), time(), where).astimezone(UTC)


# `FROM loyalty_client c` with the zone that each client lives in, `ZONE`, to be compared with names given to
# `Trigger.due`. The parameter `zone` is the programme's.
HOME = "LEFT JOIN loyalty_store home ON home.id = c.store_id"
ZONE = zones.SQL
