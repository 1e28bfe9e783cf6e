"""Pause and resume (semantics §15)."""

from datetime import timedelta

import pytest

from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import ScenarioRun
from scenarios.services import lifecycle
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def _waiting():
    draft, shop = b.scenario(), b.source()
    b.wait(b.trunk(draft), 1, "hours")
    b.email(b.trunk(draft))
    b.wait(b.trunk(draft), 1, "hours")
    b.sms(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "order.created", b.client())
    read_events(NOW)
    advance_due(NOW)
    return draft


def _pump(now):
    advance_due(now)
    while outbox.send_due(now):
        pass


def test_nothing_is_done_during_a_pause_and_what_is_not_too_late_is_done_after_it():
    draft = _waiting()
    lifecycle.pause(draft, NOW)
    _pump(NOW + 20 * HOUR)
    assert not Message.objects.exists()

    lifecycle.resume(draft, NOW + 20 * HOUR)
    _pump(NOW + 20 * HOUR)

    assert Message.objects.get().status == "accepted"


def test_what_is_too_late_after_a_pause_is_skipped_with_its_reason_and_the_run_goes_on():
    draft = _waiting()
    lifecycle.pause(draft, NOW)
    back = NOW + 26 * HOUR

    lifecycle.resume(draft, back)
    _pump(back)
    _pump(back + 2 * HOUR)

    said = list(Message.objects.order_by("id").values_list("channel", "status", "reason"))
    assert said == [("email", "withheld", "overdue"), ("sms", "accepted", "")]
    assert ScenarioRun.objects.get().state == "completed"


def test_a_message_that_was_queued_before_the_pause_may_be_too_late_too():
    draft = _waiting()
    advance_due(NOW + HOUR)
    lifecycle.pause(draft, NOW + HOUR)

    lifecycle.resume(draft, NOW + 26 * HOUR)
    _pump(NOW + 26 * HOUR)

    assert Message.objects.get(channel="email").reason == "overdue"


@pytest.mark.parametrize("looked_at", [True, False])
def test_how_often_it_was_looked_at_during_the_pause_changes_nothing(looked_at):
    draft = _waiting()
    advance_due(NOW + HOUR)
    lifecycle.pause(draft, NOW + HOUR)
    for hours in range(1, 26 if looked_at else 1):
        outbox.send_due(NOW + hours * HOUR)
    lifecycle.resume(draft, NOW + 26 * HOUR)
    _pump(NOW + 26 * HOUR)
    assert Message.objects.get(channel="email").reason == "overdue"


@pytest.mark.parametrize("held_in_pause", [True, False])
def test_what_something_else_held_back_for_days_is_not_too_late(held_in_pause):
    draft = _waiting()
    advance_due(NOW + HOUR)
    # A night, a cap or the channel before it: due two days later, a moment before the end of the pause or after it.
    later = NOW + 48 * HOUR
    Message.objects.update(due_at=later)
    lifecycle.pause(draft, NOW + 2 * HOUR)
    back = later + HOUR if held_in_pause else later - HOUR
    outbox.send_due(back)
    lifecycle.resume(draft, back)
    _pump(later + 2 * HOUR)
    assert Message.objects.get(channel="email").status == "accepted"
