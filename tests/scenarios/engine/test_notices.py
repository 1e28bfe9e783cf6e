"""Bonuses that burn: the client is told in the step's own words, merged, each lot once (semantics §38)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loyalty.models import Client, Consent
from loyalty.services import ledger
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import AccrueBonuses, Scenario
from scenarios.services import lifecycle
from scenarios.services.publish import publish
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

MOSCOW = ZoneInfo("Europe/Moscow")
BURNS = datetime(2026, 3, 20, 21, 0, tzinfo=UTC)  # midnight in Moscow after ten days
SAYS = {
    "lifetime_days": 10,
    "warn": True,
    "warn_days": 3,
    "warn_subject": "Hurry",
    "warn_text": "{{ client.first_name }}: {{ burning.amount }} until {{ burning.until }}, has {{ bonus.available }}",
    "notify_burn": True,
    "burn_subject": "Gone",
    "burn_text": "{{ burning.amount }} burnt on {{ burning.date }}",
}


def _given(*people, on="order.created", **values):
    """The clients have 100 bonuses that the step gave them."""
    draft, shop = b.scenario({"event_name": on}), b.source()
    b.add(AccrueBonuses, b.trunk(draft), **{"amount": 100} | SAYS | values)
    b.live(draft)
    for person in people:
        b.record_event(shop, on, person)
    read_events(NOW)
    advance_due(NOW)
    return draft


def _night(now):
    """What the nightly job and the reader of the stream do."""
    ledger.burn_lapsed(now, MOSCOW)
    ledger.warn_expiring(now, MOSCOW)
    while read_events(now):
        pass


def test_the_client_is_warned_and_told_of_the_burning_once_each_in_the_steps_words():
    anna = b.client()
    _given(anna)
    for moment in (BURNS - timedelta(days=3), BURNS - timedelta(days=3), BURNS, BURNS):
        _night(moment)
    assert [(m.client, m.channel, m.topic, m.status, m.subject, m.body) for m in Message.objects.order_by("id")] == [
        (anna, "email", "bonus notices", "queued", "Hurry", "Anna: 100 until 2026-03-20, has 100"),
        (anna, "email", "bonus notices", "queued", "Gone", "100 burnt on 2026-03-21"),
    ]


def test_it_is_not_said_a_moment_too_early():
    _given(b.client())
    _night(BURNS - timedelta(days=3, microseconds=1))
    assert not Message.objects.exists()


@pytest.mark.parametrize(("zone", "hour_utc"), [("", 7), ("Asia/Vladivostok", 0), ("America/New_York", 14)])
def test_it_is_said_in_the_morning_of_the_clients_day(zone, hour_utc):
    _given(b.client(zone=zone))
    # 00:00 in Moscow is 07:00 in Vladivostok and 17:00 of the day before in New York, where ten has passed.
    now = BURNS - timedelta(days=3)
    _night(now)
    due = Message.objects.get().due_at
    expected = now if zone == "America/New_York" else now.replace(hour=hour_utc) + timedelta(days=1)
    assert due == expected
    assert outbox.send_due(due - timedelta(seconds=1)) == 0
    assert outbox.send_due(due) == 1


def test_lots_that_burn_on_one_day_are_one_message_with_their_sum():
    anna = b.client()
    _given(anna)
    _given(anna, on="review.created", amount=50, warn_text="second: {{ burning.amount }}")
    _night(BURNS - timedelta(days=3))
    assert Message.objects.get().body == "second: 150"


def test_what_was_spent_meanwhile_is_not_warned_of():
    anna = b.client()
    _given(anna)
    ledger.spend("test", anna.pk, 100, "k", NOW)
    _night(BURNS - timedelta(days=3))
    _night(BURNS)
    assert not Message.objects.exists()


def test_a_step_without_notices_or_texts_says_nothing():
    anna, boris = b.client(), b.client()
    _given(anna, warn=False, notify_burn=False)
    _given(boris, warn_text="", burn_text="")
    for moment in (BURNS - timedelta(days=3), BURNS):
        _night(moment)
    assert not Message.objects.exists()


def test_the_newest_release_says_it_and_a_removed_step_still_does():
    anna, boris = b.client(), b.client()
    draft = _given(anna, boris)
    step = AccrueBonuses.objects.get()
    step.warn_text = "new words"
    step.save()
    publish(draft, None, NOW)
    _night(BURNS - timedelta(days=3))
    assert set(Message.objects.values_list("body", flat=True)) == {"new words"}
    b.sms(b.trunk(draft))
    step.delete()
    publish(Scenario.objects.get(pk=draft.pk), None, NOW)
    _night(BURNS)
    assert Message.objects.filter(body="100 burnt on 2026-03-21").count() == 2


def test_the_end_of_the_scenario_takes_no_notice_back():
    draft = _given(b.client())
    lifecycle.archive(draft, NOW)
    _night(BURNS - timedelta(days=3))
    outbox.send_due(BURNS)
    assert Message.objects.get().status == "accepted"


@pytest.mark.parametrize(("granted", "status"), [(None, "queued"), (True, "queued"), (False, "withheld")])
def test_a_notice_needs_no_consent_but_heeds_a_refusal(granted, status):
    anna = b.client(consent=False)
    if granted is not None:
        source = b.source()
        Consent.objects.create(
            client=anna, channel="email", topic="bonus notices", granted=granted, source=source, given_at=NOW
        )
    _given(anna)
    _night(BURNS - timedelta(days=3))
    assert Message.objects.get().status == status


def test_who_has_no_address_and_a_text_that_fails_are_logged_with_the_reason():
    anna, boris = b.client(email=""), b.client(first_name="")
    Client.objects.filter(pk=anna.pk).update(first_name="Anna")
    _given(anna, boris)
    _night(BURNS - timedelta(days=3))
    found = dict(Message.objects.values_list("client", "reason"))
    assert found == {anna.pk: "no_address", boris.pk: "render_failed"}
