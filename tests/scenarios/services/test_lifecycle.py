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
