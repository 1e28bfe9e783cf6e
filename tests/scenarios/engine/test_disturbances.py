"""What disturbs an engine: deliveries at once, workers side by side, a publication, a clock that steps back.

Each time the sums are asked: everybody exactly once, nobody left behind (semantics §2, §4, §9).
"""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.models import BonusOperation, Event
from loyalty.services.events import record
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance, advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.engine.live import live
from scenarios.models import MoveToSegment, RemoveFromSegment, RunLog, ScenarioRun
from scenarios.services.publish import publish
from segments.models import Membership
from segments.services import membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def _at_once(*deeds: Callable[[], object]) -> None:
    """Does all of it in threads that start together; the first error is raised here."""
    barrier, errors = threading.Barrier(len(deeds)), []

    def run(deed: Callable[[], object]) -> None:
        try:
            barrier.wait()
            deed()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _pump(now, batch=50):
    """Works until nothing is due, as one worker does."""
    while read_events(now, batch) + fire_due(now, batch) + advance_due(now, batch) + outbox.send_due(now):
        pass


def _scene(people=1):
    draft, shop = b.scenario(), b.source()
    b.email(b.trunk(draft))
    b.accrue(b.trunk(draft), amount=100)
    b.live(draft)
    clients = b.clients(people)
    b.identify(shop, *clients)
    return draft, shop, clients


def test_the_same_event_delivered_twenty_times_at_once_starts_one_run():
    _, shop, (anna,) = _scene()

    def deliver():
        record(shop, [b.happened(shop, "order.created", NOW, about=anna, external_id="e-1")], NOW)

    _at_once(*[deliver] * 20)
    _at_once(*[lambda: _pump(NOW)] * 3)

    assert Event.objects.filter(external_id="e-1").count() == 1
    assert ScenarioRun.objects.get().state == "completed"
    assert Message.objects.count() == 1
    assert BonusOperation.objects.count() == 1


def test_workers_side_by_side_do_everything_once():
    _, shop, people = _scene(300)
    record(shop, [b.happened(shop, "order.created", NOW, about=client) for client in people], NOW)

    _at_once(*[lambda: _pump(NOW, 20)] * 4)
    _pump(NOW)

    assert ScenarioRun.objects.filter(state="completed").count() == 300
    assert (
        Message.objects.filter(status="accepted").count() == Message.objects.values("client").distinct().count() == 300
    )
    assert BonusOperation.objects.count() == BonusOperation.objects.values("client").distinct().count() == 300


def test_a_publication_in_the_middle_neither_repeats_nor_skips_a_step():
    draft, shop, people = _scene(300)
    record(shop, [b.happened(shop, "order.created", NOW, about=client) for client in people], NOW)

    def publish_often():
        for number in range(8):
            draft.description = f"edit {number}"
            draft.save()
            publish(draft, None, NOW)

    _at_once(publish_often, *[lambda: _pump(NOW, 10)] * 2)
    _pump(NOW)

    assert draft.releases.count() == 9
    assert ScenarioRun.objects.filter(state="completed").count() == 300
    assert Message.objects.count() == Message.objects.values("client").distinct().count() == 300
    assert BonusOperation.objects.count() == 300
    assert RunLog.objects.filter(kind="step").count() == 600


def test_a_clock_that_steps_back_repeats_nothing_and_loses_nothing():
    draft, shop, (anna,) = _scene()
    b.wait(b.trunk(draft), 1, "hours")
    b.sms(b.trunk(draft))
    publish(draft, None, NOW)
    record(shop, [b.happened(shop, "order.created", NOW, about=anna)], NOW)

    for minutes in (0, -90, 30, -30, 59, 61, 10, 61, -600, 62):
        _pump(NOW + timedelta(minutes=minutes))

    assert ScenarioRun.objects.get().state == "completed"
    assert sorted(Message.objects.values_list("channel", "status")) == [("email", "accepted"), ("sms", "accepted")]
    assert BonusOperation.objects.count() == 1


@pytest.mark.parametrize("change", ["join", "leave", "move"])
def test_scenarios_that_change_the_same_segments_in_opposite_orders_never_wait_in_a_ring(change):
    shop, people, segments = b.source(), b.clients(800), [b.segment("red"), b.segment("blue")]
    for there, back in (segments, segments[::-1]):
        trunk = b.trunk(draft := b.scenario())
        match change:
            case "join":
                b.join(trunk, there)
                b.join(trunk, back)
            case "leave":
                b.add(RemoveFromSegment, trunk, segment=there)
                b.add(RemoveFromSegment, trunk, segment=back)
            case "move":
                b.add(MoveToSegment, trunk, source=there, target=back)
        b.live(draft)
    if change != "join":
        for segment in segments:
            membership.add(segment.pk, dict.fromkeys((person.pk for person in people), 0), NOW, triggers=False)
    b.identify(shop, *people)
    record(shop, [b.happened(shop, "order.created", NOW, about=person) for person in people], NOW)
    while read_events(NOW):
        pass

    # Each takes the runs of one scenario; a ring would raise here.
    _at_once(*[lambda number=number: _advance_one(number) for number in (0, 1)])

    assert ScenarioRun.objects.filter(state="completed").count() == 1600
    assert Membership.objects.count() == {"join": 1600, "leave": 0, "move": 800}[change]


def _advance_one(number):
    scenario = list(live().values())[number]
    while advance(scenario, NOW):
        pass


def test_a_lost_database_connection_in_the_middle_is_taken_up_where_it_was():
    _, shop, people = _scene(200)
    now = timezone.now()
    record(shop, [b.happened(shop, "order.created", now, about=client) for client in people], now)
    cut = []

    def worker():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            cut.append(cursor.fetchone()[0])
        try:
            _pump(now, 5)
        except Exception:
            connection.close()

    thread = threading.Thread(target=worker)
    thread.start()
    while ScenarioRun.objects.filter(state="completed").count() < 20:
        assert thread.is_alive()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", cut)
    thread.join()
    _pump(now)
    outbox.recover(now + outbox.LEASE + timedelta(seconds=1))
    _pump(now + outbox.LEASE + timedelta(seconds=1))

    assert ScenarioRun.objects.filter(state="completed").count() == 200
    assert Message.objects.count() == Message.objects.values("client").distinct().count() == 200
    assert BonusOperation.objects.count() == 200
