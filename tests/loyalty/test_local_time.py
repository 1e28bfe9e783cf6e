"""Times of day in a client's zone, over clock changes (semantics §10)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.local_time import moment, next_open

ZONES = ["Europe/Moscow", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]

moments = st.integers(631152000, 2114380800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # 1990–2037
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
# With the years in which the zones above changed their clocks, their offset, or (Apia, 2011) lost a whole day.
days = st.dates(date(1985, 1, 1), date(2037, 12, 31))
times = st.times().map(lambda at: at.replace(microsecond=0))


def _shown(at, where):
    return at.astimezone(where).replace(tzinfo=None)


@given(days, times, zones)
def test_the_clock_shows_the_time_or_the_first_valid_one_after_it(day, at, where):
    found = moment(day, at, where)
    wanted = datetime.combine(day, at)
    assert _shown(found, where) >= wanted
    if _shown(found, where) != wanted:
        # The clock jumped over it: a second before, it still showed an earlier time.
        assert _shown(found - timedelta(seconds=1), where) < wanted


@given(days, times, zones)
def test_a_time_that_comes_twice_is_the_first_one(day, at, where):
    found = moment(day, at, where)
    earlier = [found - timedelta(minutes=minutes) for minutes in (30, 60, 120, 180)]
    assert all(_shown(before, where) != datetime.combine(day, at) for before in earlier)


@given(days, times, times, zones)
def test_order_of_times_is_order_of_moments(day, one, other, where):
    first, second = sorted((one, other))
    assert moment(day, first, where) <= moment(day, second, where)


@pytest.mark.parametrize(
    ("where", "day", "at", "expected"),
    [
        ("America/New_York", date(2026, 3, 8), time(2, 30), "2026-03-08T07:00:00+00:00"),  # 02:00 → 03:00
        ("America/New_York", date(2026, 11, 1), time(1, 30), "2026-11-01T05:30:00+00:00"),  # twice: the first
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "2026-10-03T15:30:00+00:00"),  # half an hour skipped
        ("Pacific/Apia", date(2011, 12, 30), time(10), "2011-12-30T10:00:00+00:00"),  # the day that never was
        ("Asia/Kathmandu", date(2026, 1, 1), time(10), "2026-01-01T04:15:00+00:00"),
        ("Europe/Moscow", date(2011, 3, 27), time(2, 30), "2011-03-26T23:00:00+00:00"),
    ],
)
def test_known_changes(where, day, at, expected):
    assert moment(day, at, ZoneInfo(where)) == datetime.fromisoformat(expected)


weeks = st.frozensets(st.integers(1, 7))
hours = st.none() | times


@given(moments, zones, weeks, hours, hours)
def test_a_window_is_never_past_and_always_open_on_its_days(now, where, weekdays, opens, closes):
    found = next_open(now, where, weekdays, opens, closes)
    assert found >= now
    # Opened again as soon as it is open: waiting for what is open takes no time.
    assert next_open(found, where, weekdays, opens, closes) == found
    assert found - now <= timedelta(days=15)
    shown = found.astimezone(where)
    overnight = closes is not None and closes <= (opens or time()) and shown.time() < closes
    if weekdays and not overnight:
        assert shown.isoweekday() in weekdays


def test_a_window_opens_today_tomorrow_or_is_open_already():
    moscow = ZoneInfo("Europe/Moscow")
    tuesday = datetime(2026, 3, 10, 12, tzinfo=UTC)  # 15:00 in Moscow
    assert next_open(tuesday, moscow, (), time(10), time(18)) == tuesday
    assert next_open(tuesday, moscow, (), time(16), time(18)) == datetime(2026, 3, 10, 13, tzinfo=UTC)
    assert next_open(tuesday, moscow, (), time(10), time(14)) == datetime(2026, 3, 11, 7, tzinfo=UTC)
    assert next_open(tuesday, moscow, {6, 7}, time(10), None) == datetime(2026, 3, 14, 7, tzinfo=UTC)
    assert next_open(tuesday, moscow, (), time(22), time(6)) == datetime(2026, 3, 10, 19, tzinfo=UTC)
    night = datetime(2026, 3, 10, 1, tzinfo=UTC)  # 04:00 in Moscow, inside Monday's night
    assert next_open(night, moscow, {1}, time(22), time(6)) == night
