"""Quiet hours and pause dates go by the client's clock; a backlog is spread (semantics §23)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError

from messaging.models import Reason, SendWindow
from messaging.services.quiet import Clock, share
from messaging.services.rulebook import Pause, Rulebook, Window

# A Tuesday, 23:30 in Moscow and 03:30 of Wednesday in Vladivostok's zone (UTC+10 is 06:30).
EVENING = datetime(2026, 3, 10, 20, 30, tzinfo=UTC)
MOSCOW, VLADIVOSTOK, LONDON = "Europe/Moscow", "Asia/Vladivostok", "Europe/London"


def _window(opens=time(9), closes=time(21), weekdays=(), skip=False):
    return Window(frozenset(weekdays), opens, closes, skip, timedelta(hours=1))


def _clock(window=None, *pauses, now=EVENING, other=None):
    windows = {name: rule for name, rule in (("email", window), ("", other)) if rule}
    return Clock(Rulebook({}, windows, pauses, []), "email", now)


def _mourning(first, last=None, skip=False):
    return Pause("Mourning", first, last or first, skip)


def test_nothing_is_held_where_nobody_set_hours():
    assert _clock().idle
    assert _clock().held(MOSCOW) is None


def test_each_client_waits_for_the_morning_of_their_own_zone():
    clock = _clock(_window())
    assert clock.held(MOSCOW).until == datetime(2026, 3, 11, 6, tzinfo=UTC)
    assert clock.held(VLADIVOSTOK).until == datetime(2026, 3, 10, 23, tzinfo=UTC)
    assert clock.held(LONDON) is None  # 20:30
    assert clock.held(MOSCOW).reason == Reason.QUIET_HOURS


def test_the_window_ends_before_its_last_minute():
    assert _clock(_window(), now=datetime(2026, 3, 10, 17, 59, 59, tzinfo=UTC)).held(MOSCOW) is None
    assert _clock(_window(), now=datetime(2026, 3, 10, 18, tzinfo=UTC)).held(MOSCOW)
    assert _clock(_window(), now=datetime(2026, 3, 10, 6, tzinfo=UTC)).held(MOSCOW) is None


def test_a_window_over_midnight_lasts_into_the_next_day():
    night = _window(time(20), time(2))
    assert _clock(night).held(MOSCOW) is None
    assert _clock(night, now=datetime(2026, 3, 10, 23, tzinfo=UTC)).held(MOSCOW).until.hour == 17


def test_days_of_the_week_are_waited_for():
    # Thursday and later.
    assert _clock(_window(weekdays=(4, 5))).held(LONDON).until == datetime(2026, 3, 12, 9, tzinfo=UTC)


def test_an_hour_that_the_clock_change_skips_opens_at_the_first_valid_minute():
    night = datetime(2026, 3, 28, 23, tzinfo=UTC)  # Berlin skips 02:00–03:00 on the 29th
    assert _clock(_window(time(2, 30), time(21)), now=night).held("Europe/Berlin").until == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )


def test_a_channel_without_hours_of_its_own_has_those_of_every_other_channel():
    assert _clock(None, other=_window()).held(MOSCOW)
    assert _clock(_window(time(0), time(23, 59)), other=_window()).held(MOSCOW) is None


def test_hours_may_skip_instead_of_waiting():
    assert _clock(_window(skip=True)).held(MOSCOW).until is None


class TestPauseDates:
    def test_marketing_waits_for_the_morning_after_by_the_clients_calendar(self):
        clock = _clock(None, _mourning(date(2026, 3, 10)))
        assert clock.held(MOSCOW) == (Reason.PAUSE_DATE, datetime(2026, 3, 11, 7, tzinfo=UTC), timedelta(hours=1))
        assert clock.held(VLADIVOSTOK) is None  # there it is the 11th already

    def test_after_it_the_hours_of_the_channel_begin(self):
        clock = _clock(_window(time(12)), _mourning(date(2026, 3, 10), date(2026, 3, 12)))
        assert clock.held(MOSCOW).until == datetime(2026, 3, 13, 9, tzinfo=UTC)

    def test_a_morning_that_is_a_pause_date_is_no_morning(self):
        clock = _clock(_window(), _mourning(date(2026, 3, 11)))
        assert clock.held(MOSCOW) == (Reason.QUIET_HOURS, datetime(2026, 3, 12, 6, tzinfo=UTC), timedelta(hours=1))

    def test_marketing_may_be_dropped(self):
        assert _clock(None, _mourning(date(2026, 3, 10), skip=True)).held(MOSCOW).until is None

    def test_one_after_another_is_one_long_pause(self):
        clock = _clock(None, _mourning(date(2026, 3, 10)), _mourning(date(2026, 3, 11)))
        assert clock.held(MOSCOW).until == datetime(2026, 3, 12, 7, tzinfo=UTC)


class TestSpreading:
    def test_a_backlog_leaves_evenly(self):
        hour, minutes = timedelta(hours=1), [0] * 60
        for message_id in range(50_000, 56_000):
            minutes[int(share(message_id, hour) / timedelta(minutes=1))] += 1
        assert min(minutes) > 95
        assert max(minutes) < 105

    def test_a_message_has_always_the_same_place(self):
        assert share(77, timedelta(hours=1)) == share(77, timedelta(hours=1))
        assert share(77, timedelta()) == timedelta()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"opens": time(9), "closes": time(9)}, "closes"),
        ({"opens": time(9), "closes": time(10), "spread_minutes": 60}, "spread_minutes"),
        ({"weekdays": [8]}, "weekdays"),
    ],
)
def test_what_cannot_be_is_refused_by_field(values, field):
    with pytest.raises(ValidationError) as refused:
        SendWindow(**values).full_clean(validate_unique=False)
    assert field in refused.value.message_dict
