"""Starting and stopping other scenarios and chains; guards against loops (semantics §18, §28)."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import Event
from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import EventTrigger, RunLog, ScenarioRun, StartChain, StartScenario, StopScenario
from scenarios.services.again import allow_again
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _target(kind="scenario", body="other", wait=0):
    made = b.chain() if kind == "chain" else b.scenario({"event_name": "never.happens"})
    if wait:
        b.wait(b.trunk(made), wait, "days")
    b.sms(b.trunk(made), body=body)
    return b.live(made)


def _start(step, target, person, shop=None, name="order.created"):
    draft, shop = b.scenario({"event_name": name}), shop or b.source()
    b.add(step, b.trunk(draft), target=target)
    b.live(draft)
    b.record_event(shop, name, person)
    _pump()
    return shop, draft


def _pump(now=NOW):
    while read_events(now) + advance_due(now):
        pass


def test_another_scenario_is_started_once_per_visit_of_the_step():
    anna, target = b.client(), _target()
    _, draft = _start(StartScenario, target, anna)
    run, cause = ScenarioRun.objects.get(scenario=target), ScenarioRun.objects.get(scenario=draft)
    assert run.occurrence == f"run:{cause.pk}:{cause.step_key}:1"
    assert (run.depth, Message.objects.get().body) == (1, "other")


def test_where_the_other_one_is_not_active_the_log_says_so():
    target = b.scenario({"event_name": "never.happens"})
    _start(StartScenario, target, b.client())
    assert RunLog.objects.get(step_type="StartScenario").reason == "not_running"
    assert not ScenarioRun.objects.filter(scenario=target).exists()


def test_a_chain_runs_once_per_client_and_again_where_staff_allow_it():
    anna, chain, shop = b.client(), _target("chain"), b.source()
    _, draft = _start(StartChain, chain, anna, shop)

    def order():
        b.record_event(shop, "order.created", anna)
        _pump()
        return ScenarioRun.objects.filter(scenario=chain).count()

    assert order() == 1
    assert RunLog.objects.filter(scenario=chain, kind="refused").get().reason == "entered_before"
    assert allow_again(chain, anna.pk, None, NOW) == 1
    assert order() == 2
    assert order() == 2
    assert allow_again(chain, anna.pk, None, NOW) == 2
    assert order() == 3
    assert Message.objects.filter(body="other").count() == 3


def test_a_chain_is_published_without_triggers():
    chain = b.chain()
    b.sms(b.trunk(chain))
    assert b.live(chain).status == "active"


def test_another_scenario_is_stopped_also_inside_a_wait():
    anna, boris, target, shop = b.client(), b.client(), _target(wait=3), b.source()
    _start(StartScenario, target, anna, shop)
    b.record_event(shop, "order.created", boris)
    _pump()
    assert ScenarioRun.objects.filter(scenario=target, state="active").count() == 2
    _start(StopScenario, target, anna, shop, name="review.created")
    run = ScenarioRun.objects.get(scenario=target, client=anna)
    assert (run.state, run.reason) == ("exited", "stopped")
    assert ScenarioRun.objects.get(scenario=target, client=boris).state == "active"
    assert RunLog.objects.get(run=run, kind="ended").reason == "stopped"


def test_scenarios_that_start_each_other_end_by_themselves():
    anna, one, other = b.client(), b.scenario({"event_name": "order.created"}), b.scenario({"event_name": "never"})
    b.add(StartScenario, b.trunk(one), target=other)
    b.add(StartScenario, b.trunk(other), target=one)
    b.live(other)
    b.live(one)
    b.record_event(b.source(), "order.created", anna)
    _pump()
    # The depth of the chain is bounded: 0 … 5.
    assert sorted(ScenarioRun.objects.values_list("depth", flat=True)) == [0, 1, 2, 3, 4, 5]
    assert RunLog.objects.filter(kind="refused").get().reason == "loop"


@pytest.mark.parametrize("hours", [0, 1])
def test_an_event_that_a_scenario_caused_does_not_start_it_again(hours):
    anna, fans, draft = b.client(), b.segment(), b.scenario({"event_name": "order.created"})
    EventTrigger.objects.create(scenario=draft, event_name="segment.entered", delay=hours)
    b.join(b.trunk(draft), fans)
    b.live(draft)
    b.record_event(b.source(), "order.created", anna)
    _pump()
    fire_due(NOW + timedelta(hours=hours))
    assert Event.objects.get(name="segment.entered").payload["caused_by"] == draft.pk
    assert ScenarioRun.objects.count() == 1
    assert RunLog.objects.get(kind="refused").reason == "self"


def test_a_scenario_neither_starts_nor_stops_itself():
    draft = b.scenario()
    for step in (StartScenario, StopScenario):
        with pytest.raises(ValidationError):
            step(branch=b.trunk(draft), target=draft).clean()


def test_a_file_names_the_other_scenario():
    target, draft = _target(), b.scenario()
    b.add(StartScenario, b.trunk(draft), target=target)
    b.live(draft)
    assert draft.live_release.snapshot["steps"][0]["target"] == target.slug
