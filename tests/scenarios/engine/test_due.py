"""A tick costs what is due, however many scenarios there are."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scenarios.engine.due import due
from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.live import live
from scenarios.jobs import pump_once
from scenarios.models import Scenario, ScenarioRun
from tests import builders
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def waiting(priority: int = 0) -> Scenario:
    """A scenario in which one client waits for an hour."""
    made = builders.scenario(priority=priority)
    builders.wait(builders.trunk(made), 1, "hours")
    builders.live(made)
    enrol(live()[made.pk], [Candidate(builders.client().pk, "first", {})], NOW)
    return made


def test_only_scenarios_with_something_due_are_named_and_in_the_order_that_was_asked():
    low, _idle, high = waiting(1), waiting(2), waiting(3)
    pump_once(NOW)
    later = NOW + timedelta(hours=1)
    ScenarioRun.objects.filter(scenario__in=[low, high]).update(due_at=later)
    ScenarioRun.objects.exclude(scenario__in=[low, high]).update(due_at=later + timedelta(seconds=1))

    assert due("scenarios_scenariorun", live(), later) == [high.pk, low.pk]
    assert due("scenarios_scenariorun", live(), NOW) == []


def test_a_run_that_has_ended_is_not_due():
    made = waiting()
    ScenarioRun.objects.update(state=ScenarioRun.State.COMPLETED, due_at=NOW)

    assert due("scenarios_scenariorun", [made.pk], NOW) == []


def test_an_idle_tick_asks_as_much_beside_six_scenarios_as_beside_one():
    counts = []
    for more in (1, 5):
        for _ in range(more):
            waiting()
        pump_once(NOW)
        with CaptureQueriesContext(connection) as captured:
            assert pump_once(NOW).runs == 0
        counts.append(len(captured))

    assert counts[0] == counts[1] < 10
