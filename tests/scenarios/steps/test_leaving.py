"""Ends: the exit and goal steps, and the scenario's own goal (semantics §12–13)."""

from datetime import timedelta

import pytest

from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import Exit, Goal, RunLog, ScenarioRun
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _enter(draft, person, shop=None):
    shop = shop or b.source()
    b.live(draft)
    b.record_event(shop, "product.viewed", person)
    read_events(NOW)
    advance_due(NOW)
    return shop


def _scenario(**values):
    return b.scenario({"event_name": "product.viewed"}, **values)


def _send(now=NOW):
    while outbox.send_due(now):
        pass


@pytest.mark.parametrize(("step", "state", "reason"), [(Exit, "exited", "exit_step"), (Goal, "goal", "goal_step")])
def test_a_run_ends_at_the_step_inside_a_fork_and_what_it_queued_is_sent(step, state, reason):
    draft, anna = _scenario(), b.client()
    trunk = b.trunk(draft)
    _, yes, _ = b.fork(trunk, event_name="product.viewed")
    b.sms(yes, body="before")
    b.add(step, yes, label="enough")
    b.sms(yes, body="after")
    b.sms(trunk, body="below the fork")
    _enter(draft, anna)
    _send()
    run = ScenarioRun.objects.get()
    assert (run.state, run.reason, run.due_at) == (state, reason, None)
    assert [(message.body, message.status) for message in Message.objects.all()] == [("before", "accepted")]
    assert list(RunLog.objects.order_by("id").values_list("kind", "reason")) == [
        ("entered", ""), ("step", ""), ("step", ""), ("step", reason), ("ended", reason),
    ]  # fmt: skip


class TestTheScenariosGoal:
    def test_it_ends_the_run_inside_a_wait_and_takes_back_what_is_queued(self):
        draft, anna = _scenario(goal_event="order.created"), b.client()
        b.sms(b.trunk(draft))
        b.wait(b.trunk(draft), 3, "days")
        shop = _enter(draft, anna)
        b.record_event(shop, "order.created", anna, NOW + timedelta(hours=1))
        read_events(NOW + timedelta(hours=1))
        run = ScenarioRun.objects.get()
        assert (run.state, run.reason, run.waiting, run.finished_at) == (
            "goal", "goal", False, NOW + timedelta(hours=1),
        )  # fmt: skip
        assert Message.objects.get().reason == "goal_reached"
        line = RunLog.objects.latest("id")
        assert (line.kind, line.reason, line.detail) == ("ended", "goal", "order.created")

    def test_a_goal_that_nobody_has_read_yet_still_stops_the_send(self):
        draft, anna = _scenario(goal_event="order.created"), b.client()
        b.sms(b.trunk(draft))
        shop = _enter(draft, anna)
        b.record_event(shop, "order.created", anna)
        _send()
        assert (Message.objects.get().status, Message.objects.get().reason) == ("withheld", "goal_reached")

    def test_its_filter_and_its_window_bound_it(self):
        large = [{"name": "total", "operator": "greater", "value": "1000"}]
        draft, anna = _scenario(goal_event="order.created", goal_filters=large, goal_days=2), b.client()
        b.wait(b.trunk(draft), 30, "days")
        shop = _enter(draft, anna)
        for days, total in ((1, 500), (3, 5000)):
            at = NOW + timedelta(days=days)
            b.record_event(shop, "order.created", anna, at, payload={"total": total})
            read_events(at)
            assert ScenarioRun.objects.get().state == "active"
        b.record_event(shop, "order.created", anna, NOW + timedelta(days=2), payload={"total": 5000})
        read_events(NOW + timedelta(days=3))
        assert ScenarioRun.objects.get().state == "goal"

    def test_what_is_both_exit_and_goal_is_the_goal(self):
        draft, anna = _scenario(goal_event="order.created", exit_events=["order.created", "cart.cleared"]), b.client()
        b.wait(b.trunk(draft), 3, "days")
        shop = _enter(draft, anna)
        b.record_event(shop, "order.created", anna, NOW + timedelta(hours=1))
        read_events(NOW + timedelta(hours=1))
        assert ScenarioRun.objects.get().state == "goal"

    def test_releases_of_before_goals_have_none(self):
        draft, anna = _scenario(), b.client()
        b.wait(b.trunk(draft), 3, "days")
        b.live(draft)
        release = draft.live_release
        for name in ("goal_event", "goal_filters", "goal_days"):
            del release.snapshot["settings"][name]
        release.save()
        shop = b.source()
        b.record_event(shop, "product.viewed", anna)
        read_events(NOW)
        assert ScenarioRun.objects.get().state == "active"
