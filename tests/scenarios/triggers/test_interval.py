"""When the next purchase or visit is expected (T24, T28, T52)."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import EntryClock, IntervalTrigger, RunLog, ScenarioRun
from tests import builders as b
from tests.scenarios.triggers.timed import started_by

pytestmark = pytest.mark.django_db

MOSCOW = timezone.get_default_timezone()
START = datetime(2026, 1, 1, 15, tzinfo=MOSCOW)
DAY = timedelta(days=1)


def _live(**values):
    return started_by(IntervalTrigger, START, **values)


def _buys(*days):
    """A client who bought on these days after the start; the last purchase is the one that is read."""
    shop, anna = b.source(), b.client()
    for day in days:
        b.order(shop, anna, START + day * DAY)
    read_events(START + days[-1] * DAY)
    return shop, anna


def _due():
    clock = EntryClock.objects.get()
    return (clock.due_at.astimezone(MOSCOW) - START.replace(hour=10)) / DAY


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({}, 40 + 10),  # gaps of 10, 20, 10
        ({"percent": 80}, 40 + 8),
        ({"percent": 200}, 40 + 20),
        ({"least_days": 45}, 40 + 45),
        ({"before": 3}, 40 + 7),
        ({"counted": "fixed", "days": 30}, 40 + 30),
        ({"counted": "fixed", "days": 30, "percent": 50, "before": 1}, 40 + 14),
    ],
)
def test_it_is_due_after_the_interval_at_ten(values, due):
    _live(**values)
    _buys(0, 10, 30, 40)
    assert _due() == due


def test_a_first_purchase_has_no_usual_interval():
    _live()
    _buys(0)
    assert not EntryClock.objects.exists()


def test_unless_the_marketer_gives_one():
    _live(days=60)
    _buys(0)
    assert _due() == 60


def test_unpaid_orders_count_for_nothing():
    shop, anna = b.source(), b.client()
    _live()
    b.order(shop, anna, START)
    b.order(shop, anna, START + DAY, status="created")
    b.order(shop, anna, START + 20 * DAY)
    read_events(START + 20 * DAY)
    assert _due() == 40


def test_it_enters_when_due_and_a_new_purchase_starts_the_clock_again():
    _live(days=30, parallel=True)
    shop, anna = _buys(0)
    b.order(shop, anna, START + 29 * DAY)
    read_events(START + 29 * DAY)
    fire_due(START + 30 * DAY)
    assert not ScenarioRun.objects.exists()
    due = EntryClock.objects.get().due_at
    fire_due(due - timedelta(microseconds=1))
    assert not ScenarioRun.objects.exists()
    fire_due(due)
    assert ScenarioRun.objects.get().client == anna


def test_a_purchase_that_nobody_has_read_yet_forbids_it():
    _live(counted="fixed", days=30)
    shop, anna = _buys(0)
    b.order(shop, anna, START + 29 * DAY)
    fire_due(START + 30 * DAY)
    assert RunLog.objects.get(kind="refused").reason == "happened"


@pytest.mark.parametrize(
    ("value", "due"), [(180, 180), ("90", 90), (7.4, 7), ("2026-02-01", 31), ("soon", 30), ("", 30), (True, 30)]
)
def test_an_attribute_gives_days_or_the_date_itself(value, due):
    shop, anna = b.source(), b.client(attributes={"next": value})
    _live(base_event="visit.completed", counted="attribute", attribute="next", days=30)
    b.record_event(shop, "visit.completed", anna, START)
    read_events(START)
    assert _due() == due


def test_visits_have_a_usual_interval_too():
    shop, anna = b.source(), b.client()
    _live(base_event="visit.completed", before=7)
    for day in (0, 30, 60):
        b.record_event(shop, "visit.completed", anna, START + day * DAY)
    read_events(START + 60 * DAY)
    assert _due() == 60 + 30 - 7


def test_a_thousand_purchases_are_looked_up_at_once(django_assert_max_num_queries):
    shop = b.source()
    _live(days=30)
    for person in b.clients(20, consent=False):
        b.order(shop, person, START)
    with django_assert_max_num_queries(14):
        read_events(START)
    assert EntryClock.objects.count() == 20


@pytest.mark.parametrize("values", [{"counted": "fixed"}, {"counted": "attribute"}])
def test_what_makes_no_sense_is_refused(values):
    with pytest.raises(ValidationError):
        IntervalTrigger(**values).clean()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"percent": 83},
            "83% of the client's usual interval after the last «Order paid», at 10:00 of the client's clock",
        ),
        (
            {"percent": 200, "least_days": 45},
            "200% of the client's usual interval, but not sooner than 45 days,"
            " after the last «Order paid», at 10:00 of the client's clock",
        ),
        (
            {"base_event": "visit.completed", "counted": "fixed", "days": 180, "before": 7},
            "7 days before the end of: 180 days after the last «Visit completed», at 10:00",
        ),
    ],
)
def test_it_says_itself(values, sentence):
    assert IntervalTrigger(**values).sentence() == sentence
