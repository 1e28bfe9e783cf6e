"""Waiting for an event: two ways out, woken by the event, nothing lost between the two (semantics §11)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from loyalty.models import UnreadEvent
from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, ScenarioRun, WaitForEvent
from scenarios.services.publish import publish
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)


def _start(*people, at=NOW, **wait):
    """A scenario in which viewers of a product wait a day for an order, and are told what came of it."""
    shop, draft = b.source(), b.scenario({"event_name": "product.viewed"})
    trunk = b.trunk(draft)
    step, happened, ran_out = b.wait_for(trunk, **{"event_name": "order.created"} | wait)
    b.sms(happened, body="happened")
    b.sms(ran_out, body="ran out")
    b.sms(trunk, body="both")
    b.live(draft)
    for person in people:
        b.record_event(shop, "product.viewed", person, at)
    _pump(at)
    return shop, draft, step


def _pump(now):
    read_events(now)
    advance_due(now)


def _said(person=None):
    messages = Message.objects.filter(client=person) if person else Message.objects
    return list(messages.order_by("id").values_list("body", flat=True))


@pytest.mark.django_db
class TestTwoWaysOut:
    def test_the_event_wakes_the_run_at_once(self):
        anna = b.client()
        shop, _, step = _start(anna)
        later = NOW + timedelta(hours=1)
        b.record_event(shop, "order.created", anna, later)
        _pump(later)
        assert _said() == ["happened", "both"]
        line = RunLog.objects.filter(step_key=step.key).latest("id")
        assert (line.branch, line.reason) == (step.branches.get(is_default=False).key, "")

    def test_without_it_the_time_runs_out(self):
        shop, _, step = _start(b.client())
        _pump(NOW + DAY - timedelta(seconds=1))
        assert _said() == []
        _pump(NOW + DAY)
        assert _said() == ["ran out", "both"]
        line = RunLog.objects.filter(step_key=step.key).latest("id")
        assert (line.branch, line.reason) == (step.branches.get(is_default=True).key, "timed_out")

    def test_an_event_of_another_client_or_of_another_name_wakes_nobody(self):
        anna, boris = b.client(), b.client()
        shop, _, _ = _start(anna)
        b.record_event(shop, "order.created", boris)
        b.record_event(shop, "cart.updated", anna)
        _pump(NOW + timedelta(hours=1))
        assert _said() == []

    def test_only_events_after_the_wait_began_count(self):
        anna = b.client()
        shop, _, _ = _start(anna)
        b.record_event(shop, "order.created", anna, NOW - timedelta(seconds=1), now=NOW)
        _pump(NOW + timedelta(hours=1))
        assert _said() == []
        b.record_event(shop, "order.created", anna, NOW)
        _pump(NOW + timedelta(hours=2))
        assert _said()[0] == "happened"

    def test_those_since_the_entry_count_where_the_step_says_so(self):
        anna, shop, draft = b.client(), b.source(), b.scenario({"event_name": "order.created"})
        trunk = b.trunk(draft)
        b.wait(trunk, 2, "hours")
        _, happened, _ = b.wait_for(trunk, "order.created", since="entry")
        b.sms(happened, body="happened")
        b.live(draft)
        b.record_event(shop, "order.created", anna)  # the one that starts the run does not count itself
        _pump(NOW)
        _pump(NOW + timedelta(hours=2))
        assert _said() == []
        b.record_event(shop, "order.created", anna, NOW + timedelta(hours=1), now=NOW + timedelta(hours=3))
        _pump(NOW + timedelta(hours=3))
        assert _said() == ["happened"]

    def test_an_event_that_does_not_say_what_is_asked_leaves_the_run_asleep(self):
        anna = b.client()
        large = [{"name": "total", "operator": "greater", "value": "1000"}]
        shop, _, _ = _start(anna, filters=large)
        for hours, total in ((1, 500), (2, 900), (3, 1500)):
            b.record_event(shop, "order.created", anna, NOW + timedelta(hours=hours), payload={"total": total})
            _pump(NOW + timedelta(hours=hours))
            assert bool(_said()) == (total > 1000)
        assert ScenarioRun.objects.get().state == "completed"
        # Being looked at in vain is no step of its own.
        assert RunLog.objects.filter(step_type="WaitForEvent").count() == 2

    def test_an_event_told_after_the_time_ran_out_is_too_late_though_the_worker_was_later(self):
        anna = b.client()
        shop, _, _ = _start(anna)
        b.record_event(shop, "order.created", anna, NOW + DAY + timedelta(minutes=1))
        _pump(NOW + DAY + timedelta(hours=1))
        assert _said()[0] == "ran out"

    def test_an_event_in_time_counts_though_the_worker_was_late(self):
        anna = b.client()
        shop, _, _ = _start(anna)
        b.record_event(shop, "order.created", anna, NOW + DAY - timedelta(minutes=1))
        _pump(NOW + DAY + timedelta(hours=1))
        assert _said()[0] == "happened"

    def test_an_event_whose_clock_runs_ahead_counts_when_its_time_comes(self):
        anna = b.client()
        shop, _, _ = _start(anna)
        ahead = NOW + timedelta(minutes=5)
        b.record_event(shop, "order.created", anna, ahead, now=NOW)
        _pump(NOW)
        assert _said() == []
        assert ScenarioRun.objects.get().due_at == ahead
        _pump(ahead)
        assert _said()[0] == "happened"

    def test_the_newest_release_says_what_is_waited_for(self):
        anna = b.client()
        shop, draft, step = _start(anna)
        WaitForEvent.objects.filter(pk=step.pk).update(event_name="cart.updated")
        publish(draft, None, NOW)
        b.record_event(shop, "order.created", anna, NOW + timedelta(hours=1))
        _pump(NOW + timedelta(hours=1))
        assert _said() == []
        b.record_event(shop, "cart.updated", anna, NOW + timedelta(hours=2))
        _pump(NOW + timedelta(hours=2))
        assert _said()[0] == "happened"


@pytest.mark.django_db
def test_it_says_itself_and_names_its_ways():
    step = WaitForEvent(event_name="order.created", timeout=2, timeout_unit="days")
    assert step.sentence() == "Wait for «Order placed», 2 days at most"
    _, happened, ran_out = b.wait_for(b.trunk(b.scenario()), "order.created")
    assert [happened.fork.way_title(way, "") for way in happened.fork.ways()] == [
        "It happened",
        "It did not happen in time",
    ]


@pytest.mark.django_db
def test_waking_takes_as_many_queries_however_many_events_and_waiting_runs():
    counts = []
    for number in (3, 60):
        people = b.clients(number)
        shop, _, _ = _start(*people)
        for person in people:
            b.record_event(shop, "order.created", person, NOW + timedelta(hours=1))
        with CaptureQueriesContext(connection) as captured:
            read_events(NOW + timedelta(hours=1))
        counts.append(len(captured))
        advance_due(NOW + timedelta(hours=1))
        ScenarioRun.objects.all().update(state="completed", due_at=None)
    assert counts[0] >= counts[1] - 4  # a second live scenario asks for itself


@pytest.mark.django_db(transaction=True)
def test_an_event_that_comes_while_the_wait_begins_is_not_lost():
    """The reader runs between the wait's decision and its commit: it has to see the wait nevertheless."""
    anna, shop, draft = b.client(), b.source(), b.scenario({"event_name": "product.viewed"})
    _, happened, _ = b.wait_for(b.trunk(draft), "order.created")
    b.sms(happened, body="happened")
    b.live(draft)
    b.record_event(shop, "product.viewed", anna)
    read_events(NOW)
    b.identify(shop, anna)

    def read():
        try:
            read_events(NOW + timedelta(seconds=1))
        finally:
            connections.close_all()

    reader = threading.Thread(target=read)
    with transaction.atomic():
        advance_due(NOW)  # decided to sleep; not committed
        order = b.happened(shop, "order.created", NOW + timedelta(seconds=1), about=anna)
        _record_elsewhere(shop, order)
        reader.start()
        reader.join(0.5)
        assert reader.is_alive()  # it waits for this very run
    reader.join(10)
    assert not UnreadEvent.objects.exists()
    assert ScenarioRun.objects.get().due_at == NOW + timedelta(seconds=1)
    advance_due(NOW + timedelta(seconds=1))
    assert Message.objects.get().body == "happened"


def _record_elsewhere(shop, fact):
    """Records a fact in a transaction of its own, as a web process does."""

    def record():
        try:
            b.record(shop, [fact], fact.occurred_at)
        finally:
            connections.close_all()

    web = threading.Thread(target=record)
    web.start()
    web.join(10)
    assert not web.is_alive()
