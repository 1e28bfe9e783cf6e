"""Absence of an event for some time since another one."""

from datetime import timedelta

import pytest

from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import AbsenceTrigger, RunLog, ScenarioRun
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
BIG = [{"name": "total", "operator": "greater", "value": "1000"}]
VIEWED = {"base_event": "product.viewed", "absent_events": ["cart.updated", "order.created"], "delay": 4}


def _live(trigger):
    draft = b.scenario(trigger)
    b.wait(b.trunk(draft))
    return b.live(draft)


def test_every_base_event_starts_the_clock_again():
    shop, anna = b.source(), b.client()
    _live(VIEWED)
    for hours in (0, 3):
        b.record_event(shop, "product.viewed", anna, NOW + hours * HOUR)
        read_events(NOW + hours * HOUR)
    fire_due(NOW + 7 * HOUR - timedelta(microseconds=1))
    assert not ScenarioRun.objects.exists()
    fire_due(NOW + 7 * HOUR)
    assert ScenarioRun.objects.count() == 1


@pytest.mark.parametrize("name", VIEWED["absent_events"])
def test_any_of_several_events_breaks_it(name):
    shop, anna = b.source(), b.client()
    _live(VIEWED)
    b.record_event(shop, "product.viewed", anna)
    read_events(NOW)
    b.record_event(shop, name, anna, NOW + HOUR)
    fire_due(NOW + 4 * HOUR)
    refusal = RunLog.objects.get(kind="refused")
    assert (refusal.reason, refusal.detail) == ("happened", f"{name} 2026-03-10 13:00:00 UTC")


def test_a_base_event_that_does_not_fit_starts_no_clock():
    shop, anna = b.source(), b.client()
    _live(VIEWED | {"base_filters": [{"name": "category", "operator": "equals", "value": "Tea"}]})
    b.record_event(shop, "product.viewed", anna, payload={"category": "Ware"})
    read_events(NOW)
    assert fire_due(NOW + 4 * HOUR) == 0
    b.record_event(shop, "product.viewed", anna, payload={"category": "Tea"})
    read_events(NOW)
    assert fire_due(NOW + 4 * HOUR) == 1


@pytest.mark.parametrize(("totals", "enters"), [(["5"], True), (["5", "7"], True), (["5", "1001", "7"], False)])
def test_only_events_that_say_so_break_it(totals, enters):
    shop, anna = b.source(), b.client()
    _live({"base_event": "cart.updated", "absent_events": ["order.created"], "absent_filters": BIG})
    b.record_event(shop, "cart.updated", anna, payload={"cart_token": "K"})
    read_events(NOW)
    for minutes, total in enumerate(totals, 1):
        b.record_event(shop, "order.created", anna, NOW + timedelta(minutes=minutes), payload={"total": total})
    fire_due(NOW + HOUR)
    assert ScenarioRun.objects.exists() is enters


def test_days_without_a_purchase_since_registration():
    shop, anna, boris = b.source(), b.client(), b.client()
    _live({"base_event": "customer.registered", "absent_events": ["order.created"], "delay": 3, "delay_unit": "days"})
    for person in (anna, boris):
        b.record_event(shop, "customer.registered", person)
    read_events(NOW)
    b.record_event(shop, "order.created", boris, NOW + 71 * HOUR)
    fire_due(NOW + 72 * HOUR)
    assert ScenarioRun.objects.get().client == anna


def test_it_says_itself():
    trigger = AbsenceTrigger(base_event="cart.updated", absent_events=["order.created"], absent_filters=BIG)
    assert trigger.sentence() == (
        "1 hour after the last «Cart changed», if there was no «Order placed» (total is greater than «1000»)"
    )
