"""Calendar dates and recurring schedules over a segment (T18, T50)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from scenarios.models import ScheduleTrigger
from segments.services import membership
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

MOSCOW = timezone.get_default_timezone()
MARCH_10 = date(2026, 3, 10)  # a Tuesday
ELEVEN = datetime(2026, 3, 10, 11, tzinfo=MOSCOW)


def _next(number=3, **values):
    trigger = ScheduleTrigger(**{"starts_on": MARCH_10} | values)
    trigger.clean()
    moments = trigger.next_moments(datetime(2026, 3, 1, tzinfo=UTC), number)
    return [f"{moment.astimezone(MOSCOW):%m-%d %H:%M}" for moment in moments]


@pytest.mark.parametrize(
    ("values", "moments"),
    [
        ({}, ["03-10 11:00"]),
        ({"repeat": "daily", "at": time(9)}, ["03-10 09:00", "03-11 09:00", "03-12 09:00"]),
        ({"repeat": "daily", "ends_on": date(2026, 3, 11)}, ["03-10 11:00", "03-11 11:00"]),
        ({"repeat": "weekly", "weekdays": [1, 4]}, ["03-12 11:00", "03-16 11:00", "03-19 11:00"]),
        ({"repeat": "monthly"}, ["03-10 11:00", "04-10 11:00", "05-10 11:00"]),
        ({"repeat": "monthly", "starts_on": date(2026, 3, 31)}, ["03-31 11:00", "05-31 11:00", "07-31 11:00"]),
        ({"repeat": "yearly"}, ["03-10 11:00", "03-10 11:00", "03-10 11:00"]),
        ({"repeat": "rule", "rule": "FREQ=MONTHLY;BYDAY=-1FR"}, ["03-27 11:00", "04-24 11:00", "05-29 11:00"]),
        ({"repeat": "rule", "rule": "rrule:freq=weekly;interval=2;count=2"}, ["03-10 11:00", "03-24 11:00"]),
        (
            {"repeat": "rule", "rule": "FREQ=MONTHLY;BYMONTHDAY=-1", "ends_on": date(2026, 4, 30)},
            ["03-31 11:00", "04-30 11:00"],
        ),
    ],
)
def test_a_schedule_comes_when_it_says(values, moments):
    assert _next(**values) == moments


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"repeat": "weekly"}, "weekdays"),
        ({"repeat": "weekly", "weekdays": [0]}, "weekdays"),
        ({"repeat": "daily", "ends_on": date(2026, 3, 9)}, "ends_on"),
        ({"repeat": "rule"}, "rule"),
        ({"repeat": "rule", "rule": "every friday"}, "rule"),
        ({"repeat": "rule", "rule": "FREQ=HOURLY"}, "rule"),
        ({"repeat": "rule", "rule": "FREQ=WEEKLY;BYDAY=XX"}, "rule"),
        ({"repeat": "rule", "rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "rule"),
        ({"repeat": "rule", "rule": "FREQ=DAILY;UNTIL=20260401T000000Z"}, "rule"),
        ({"repeat": "rule", "rule": "DTSTART:19970902T090000\nRRULE:FREQ=DAILY"}, "rule"),
    ],
)
def test_what_never_comes_or_cannot_be_read_is_refused(values, field):
    with pytest.raises(ValidationError) as refused:
        ScheduleTrigger(**{"starts_on": MARCH_10} | values).clean()
    assert list(refused.value.message_dict) == [field]


@pytest.mark.django_db
class TestEntering:
    def test_a_segment_enters_at_the_moment_and_nobody_else(self):
        fans, anna = b.segment(), b.client()
        b.client()
        membership.add(fans.pk, {anna.pk: 0}, ELEVEN)
        started_by(ScheduleTrigger, ELEVEN - timedelta(hours=1), starts_on=MARCH_10, segment=fans)
        scan(ELEVEN - timedelta(microseconds=1))
        assert entered() == []
        scan(ELEVEN)
        assert entered() == [(anna.pk, "schedule:2026-03-10T11:00")]

    def test_all_clients_every_month_each_time_anew(self):
        people = b.clients(3, consent=False)
        started_by(ScheduleTrigger, ELEVEN - timedelta(hours=1), starts_on=MARCH_10, repeat="monthly", parallel=True)
        for month in (3, 4):
            scan(ELEVEN.replace(month=month) - timedelta(hours=1))
            scan(ELEVEN.replace(month=month))
        assert len(entered()) == 2 * len(people)


def test_it_says_itself():
    def said(**values):
        return ScheduleTrigger(starts_on=MARCH_10, **values).sentence()

    assert said() == "On 10 March 2026 at 11:00: all clients"
    assert said(repeat="weekly", weekdays=[4, 1]) == (
        "Every week at 11:00 (Monday, Thursday), from 10 March 2026: all clients"
    )
    assert said(repeat="rule", rule="FREQ=DAILY") == "By the rule FREQ=DAILY at 11:00, from 10 March 2026: all clients"
