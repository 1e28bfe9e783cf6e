"""Whose order it is (semantics §49)."""

from datetime import date, timedelta

import pytest

from loyalty.models import Order
from messaging.models import Message
from scenarios.models import Attribution
from scenarios.services import attribution, days
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = days.of(NOW)


def _message(client, scenario, ago, status="accepted", **values):
    at = NOW - ago
    return Message.objects.create(
        client=client, scenario_id=scenario.pk, run_id=Message.objects.count() + 1, step_key="one", channel="email",
        topic="marketing", status=status, due_at=at, created_at=at, sent_at=at if status == "accepted" else None,
        **values,
    )  # fmt: skip


def _click(shop, message, ago):
    b.record_event(shop, "message.clicked", message.client, NOW - ago, payload={"message": message.pk})


def _found():
    rows = Attribution.objects.order_by("-owner", "scenario").values_list("scenario", "owner", "touch", "message_id")
    return list(rows)


@pytest.fixture
def world():
    return b.source(), b.client(), b.scenario(), b.scenario()


def test_an_order_belongs_to_the_last_message_and_others_assisted(world):
    shop, anna, one, two = world
    _message(anna, one, timedelta(days=6))
    first = _message(anna, one, timedelta(days=3))
    last = _message(anna, two, timedelta(days=1))
    b.order(shop, anna)

    assert attribution.attribute(DAY) == 1
    assert attribution.attribute(DAY) == 1  # once more is no more

    assert _found() == [(two.pk, True, "message", last.pk), (one.pk, False, "message", first.pk)]


def test_a_click_goes_before_a_later_message(world):
    shop, anna, one, two = world
    clicked = _message(anna, one, timedelta(days=5))
    later = _message(anna, two, timedelta(days=1))
    _click(shop, clicked, timedelta(days=4))
    b.order(shop, anna)

    attribution.attribute(DAY)

    assert _found() == [(one.pk, True, "click", clicked.pk), (two.pk, False, "message", later.pk)]


def test_the_last_of_two_clicks_counts(world):
    shop, anna, one, two = world
    messages = [_message(anna, one, timedelta(days=6)), _message(anna, two, timedelta(days=5))]
    _click(shop, messages[1], timedelta(days=4))
    _click(shop, messages[0], timedelta(days=3))
    b.order(shop, anna)

    attribution.attribute(DAY)

    assert [(row[0], row[1]) for row in _found()] == [(one.pk, True), (two.pk, False)]


def test_what_lies_outside_the_window_or_was_not_sent_or_is_anothers_does_not_count(world):
    shop, anna, one, two = world
    boris = b.client()
    _message(anna, one, timedelta(days=7))  # the window is open at its beginning
    _message(anna, one, timedelta(hours=-1))
    _message(anna, one, timedelta(hours=1), status="withheld")
    _message(anna, one, timedelta(hours=1), recipient="staff")
    foreign = _message(boris, two, timedelta(hours=1))
    b.record_event(shop, "message.clicked", anna, NOW - timedelta(hours=1), payload={"message": foreign.pk})
    b.record_event(shop, "message.clicked", anna, NOW - timedelta(hours=1), payload={"message": "what?"})
    b.order(shop, anna)

    assert attribution.attribute(DAY) == 0

    b.programme(attribution_days=8)
    assert attribution.attribute(DAY) == 1


def test_an_order_that_is_not_paid_belongs_to_nobody_until_it_is(world):
    shop, anna, one, _ = world
    _message(anna, one, timedelta(hours=1))
    b.order(shop, anna, status="created")
    assert attribution.attribute(DAY) == 0

    Order.objects.update(status="paid", paid_at=NOW + timedelta(days=1))

    assert attribution.attribute(DAY) == 1
    assert attribution.attribute(DAY + timedelta(days=1)) == 0


def test_an_order_told_to_be_of_another_day_moves(world):
    shop, anna, one, _ = world
    _message(anna, one, timedelta(hours=30))
    b.order(shop, anna)
    attribution.attribute(DAY)

    Order.objects.update(ordered_at=NOW - timedelta(days=1))

    assert attribution.attribute(DAY - timedelta(days=1)) == 1
    assert attribution.attribute(DAY) == 0
    assert [row.day for row in Attribution.objects.all()] == [DAY - timedelta(days=1)]


def test_a_day_costs_a_bounded_number_of_queries(world, django_assert_max_num_queries):
    shop, _, one, two = world
    for person in b.clients(5):
        _message(person, one, timedelta(days=2))
        _message(person, two, timedelta(days=1))
        b.order(shop, person)

    with django_assert_max_num_queries(7):
        assert attribution.attribute(DAY) == 5


def test_a_day_is_the_zones(settings):
    settings.TIME_ZONE = "America/New_York"
    start, end = days.bounds(date(2026, 3, 8))  # the clock goes forward
    assert end - start == timedelta(hours=23)
    assert days.of(start) == days.of(end - timedelta(seconds=1)) == date(2026, 3, 8)
