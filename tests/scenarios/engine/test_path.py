"""One whole path: an event starts a run that sends, accrues, joins a segment — each once."""

from datetime import timedelta

import pytest

from loyalty.models import BonusLot
from loyalty.services import ledger
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, ScenarioRun
from segments.models import Membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _pump(now=NOW):
    read_events(now)
    fire_due(now)
    advance_due(now)
    while outbox.send_due(now):
        pass


def test_an_event_starts_a_run_that_does_each_step_once():
    shop, anna, fans = b.source(), b.client(), b.segment("fans")
    draft = b.scenario()
    trunk = b.trunk(draft)
    b.email(trunk, body="Hi {{ client.first_name }}, you have {{ bonus.available }}")
    b.sms(trunk)
    b.accrue(trunk)
    b.join(trunk, fans)
    b.live(draft)
    b.record_event(shop, "order.created", anna)

    _pump()
    _pump()

    assert ScenarioRun.objects.get().state == "completed"
    messages = list(Message.objects.order_by("id"))
    assert [(m.channel, m.status) for m in messages] == [("email", "accepted"), ("sms", "accepted")]
    assert messages[0].body == "Hi Anna, you have 0"
    assert ledger.balance(anna.pk, NOW).available == 300
    assert BonusLot.objects.get().expires_at is not None
    assert Membership.objects.get().client == anna
    kinds = list(RunLog.objects.order_by("id").values_list("kind", "step_type", "bonuses"))
    assert kinds == [
        ("entered", "", None),
        ("step", "SendMessage", None),
        ("step", "SendMessage", None),
        ("step", "AccrueBonuses", 300),
        ("step", "AddToSegment", None),
        ("ended", "", None),
    ]


def test_a_wait_holds_the_run_until_its_time_and_no_longer():
    shop, anna = b.source(), b.client()
    draft = b.scenario()
    b.wait(b.trunk(draft), 2, "hours")
    b.email(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "order.created", anna)

    _pump()
    _pump(NOW + timedelta(hours=2) - timedelta(seconds=1))
    assert not Message.objects.exists()
    _pump(NOW + timedelta(hours=2))
    assert Message.objects.get().status == "accepted"


def test_a_fork_takes_the_branch_that_holds_and_goes_on_below():
    shop, buyer, visitor = b.source(), b.client(), b.client()
    draft = b.scenario({"event_name": "product.viewed"})
    trunk = b.trunk(draft)
    _, yes, no = b.fork(trunk, event_name="order.created")
    b.sms(yes, body="bought")
    b.sms(no, body="did not")
    b.email(trunk, subject="both")
    b.live(draft)
    b.record_event(shop, "order.created", buyer, NOW - timedelta(days=1))
    for client in (buyer, visitor):
        b.record_event(shop, "product.viewed", client)

    _pump()

    said = {(m.client_id, m.body if m.channel == "sms" else m.subject) for m in Message.objects.all()}
    assert said == {(buyer.pk, "bought"), (buyer.pk, "both"), (visitor.pk, "did not"), (visitor.pk, "both")}


def test_absence_restarts_at_each_base_event_and_an_order_forbids_it():
    shop, keen, gone = b.source(), b.client(), b.client()
    draft = b.scenario(
        {"base_event": "cart.updated", "absent_events": ["order.created"], "delay": 1, "delay_unit": "hours"}
    )
    b.email(b.trunk(draft))
    b.live(draft)
    for client in (keen, gone):
        b.record_event(shop, "cart.updated", client, payload={"cart_token": f"t{client.pk}"})
    later = NOW + timedelta(minutes=30)
    b.record_event(shop, "cart.updated", gone, later, payload={"cart_token": f"t{gone.pk}"})
    b.record_event(shop, "order.created", keen, later)

    _pump(NOW + timedelta(minutes=61))
    assert not Message.objects.exists()
    refusal = RunLog.objects.get(kind="refused")
    assert (refusal.client, refusal.reason) == (keen, "happened")
    assert refusal.detail.startswith("order.created")

    _pump(later + timedelta(hours=1))
    assert Message.objects.get().client == gone


def test_without_consent_nothing_is_sent_and_the_log_says_why():
    shop, anna = b.source(), b.client(consent=False)
    draft = b.scenario()
    b.email(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "order.created", anna)

    _pump()

    message = Message.objects.get()
    assert (message.status, message.reason) == ("withheld", "no_consent")
    assert RunLog.objects.get(kind="step").reason == "no_consent"


def test_an_order_that_names_the_cart_forbids_its_reminder_whatever_its_own_clock_says():
    shop, anna = b.source(), b.client()
    draft = b.scenario({"base_event": "cart.updated", "absent_events": ["order.created"], "delay": 1})
    b.email(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "cart.updated", anna, payload={"cart_token": "t1"})
    b.record_event(shop, "order.created", anna, NOW - timedelta(days=900), now=NOW, payload={"cart_token": "t1"})
    _pump(NOW + timedelta(hours=1))
    assert RunLog.objects.get().reason == "happened"
