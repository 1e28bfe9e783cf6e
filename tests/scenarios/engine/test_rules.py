"""Rules of entry about other runs: how often, which scenario goes first, and no scenario starts itself."""

from datetime import timedelta

import pytest

from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import AccrueBonuses, RunLog, ScenarioRun
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _live(trigger=None, **values):
    draft = b.scenario(trigger, **values)
    b.wait(b.trunk(draft), 1, "days")
    return b.live(draft)


def _refusals():
    return list(RunLog.objects.filter(kind="refused").order_by("pk").values_list("reason", flat=True))


def test_a_client_enters_so_often_and_no_more():
    shop, anna = b.source(), b.client()
    _live(client_cap=2, parallel=True)
    for hours in range(3):
        b.record_event(shop, "order.created", anna, NOW + hours * HOUR)
        read_events(NOW + hours * HOUR)
    assert ScenarioRun.objects.count() == 2
    assert _refusals() == ["often_enough"]


class TestRivals:
    """T11 outranks T10: a client is in one of the two."""

    def test_both_due_at_once_let_the_higher_priority_win(self):
        shop, anna = b.source(), b.client()
        cart = _live({"base_event": "cart.updated", "absent_events": ["order.created"]}, rivals="cart", priority=1)
        checkout = _live(
            {"base_event": "checkout.started", "absent_events": ["order.created"]}, rivals="cart", priority=2
        )
        for name in ("cart.updated", "checkout.started"):
            b.record_event(shop, name, anna)
        read_events(NOW)
        fire_due(NOW + HOUR)
        assert ScenarioRun.objects.get().scenario == checkout
        assert RunLog.objects.get(kind="refused").scenario == cart
        assert _refusals() == ["outranked"]

    def test_the_higher_one_ends_a_run_of_the_lower_one(self):
        shop, anna, boris = b.source(), b.client(), b.client()
        low = _live({"event_name": "cart.updated"}, rivals="cart", priority=1)
        _live({"event_name": "checkout.started"}, rivals="cart", priority=2)
        for person in (anna, boris):
            b.record_event(shop, "cart.updated", person)
        read_events(NOW)
        b.record_event(shop, "checkout.started", anna, NOW + HOUR)
        read_events(NOW + HOUR)
        ended = ScenarioRun.objects.get(scenario=low, client=anna)
        assert (ended.state, ended.reason) == ("exited", "outranked")
        assert set(ScenarioRun.objects.filter(state="active").values_list("client", flat=True)) == {anna.pk, boris.pk}

    def test_of_equals_the_first_stays(self):
        shop, anna = b.source(), b.client()
        first = _live({"event_name": "cart.updated"}, rivals="cart")
        _live({"event_name": "checkout.started"}, rivals="cart")
        b.record_event(shop, "cart.updated", anna)
        read_events(NOW)
        b.record_event(shop, "checkout.started", anna)
        read_events(NOW)
        assert ScenarioRun.objects.get().scenario == first

    @pytest.mark.parametrize(("days", "enters"), [(6, False), (7, True)])
    def test_days_after_one_of_them_the_others_let_nobody_in(self, days, enters):
        shop, anna = b.source(), b.client()
        _live({"event_name": "cart.updated"}, rivals="cart", priority=1)
        later = _live({"event_name": "product.viewed"}, rivals="cart", rival_days=7)
        b.record_event(shop, "cart.updated", anna)
        read_events(NOW)
        ScenarioRun.objects.update(state="completed", due_at=None)
        at = NOW + days * DAY
        b.record_event(shop, "product.viewed", anna, at)
        read_events(at)
        assert ScenarioRun.objects.filter(scenario=later).exists() is enters

    def test_other_groups_and_no_group_are_no_rivals(self):
        shop, anna = b.source(), b.client()
        for group in ("cart", "view", ""):
            _live({"event_name": "cart.updated"}, rivals=group)
        b.record_event(shop, "cart.updated", anna)
        read_events(NOW)
        assert ScenarioRun.objects.count() == 3


def test_a_scenario_does_not_start_itself_but_starts_another():
    shop, anna = b.source(), b.client()
    own = b.scenario({"event_name": "bonus.accrued"}, parallel=True)
    b.add(AccrueBonuses, b.trunk(own), amount=5)
    b.live(own)
    other = _live({"event_name": "bonus.accrued"}, parallel=True)
    b.record_event(shop, "bonus.accrued", anna)
    for minutes in range(4):
        read_events(NOW + minutes * HOUR)
        advance_due(NOW + minutes * HOUR)
    assert ScenarioRun.objects.filter(scenario=own).count() == 1
    assert ScenarioRun.objects.filter(scenario=other).count() == 2
    assert RunLog.objects.get(kind="refused").reason == "self"
