"""The rules in force, and when a snapshot is due."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from segments.models import RfmSettings


def current() -> RfmSettings:
    """The rules; created with their defaults where nobody has saved them yet."""
    row, _ = RfmSettings.objects.get_or_create(pk=1)
    return row


def scheduled(rules: RfmSettings, now: datetime, zone: ZoneInfo) -> datetime:
    """The newest moment, not after `now`, of which a daily snapshot is to be (semantics §10: calendar days)."""
    day = now.astimezone(zone).date()
    today = datetime.combine(day, rules.taken_at, tzinfo=zone)
    # Compared as moments: on a day when the clocks change, wall times do not tell.
    if today.timestamp() <= now.timestamp():
        return today
    return datetime.combine(day - timedelta(days=1), rules.taken_at, tzinfo=zone)
