"""The send, the rehearsal and «why» say the same reason, for one function gives it (semantics §19, §52–53)."""

from datetime import time, timedelta

import pytest

from messaging.models import FrequencyCap, Message, PauseDate, SendWindow, Suppression
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.reasons import reason_label
from scenarios.services import rehearsal
from scenarios.services.why import why
from tests import builders as b
from tests.builders import NOW
from tests.messaging.test_policy import sent

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def _send(now):
    advance_due(now)
    while outbox.send_due(now):
        pass


def _scene(client, **values):
    draft, shop = b.scenario(), b.source()
    b.email(b.trunk(draft), **values)
    b.live(draft)
    b.record_event(shop, "order.created", client)
    return draft


def _no_consent(client):
    b.agree(client, granted=False)


def _suppressed(client):
    Suppression.objects.create(channel="email", address=client.email, since=NOW)


def _pause_date(client):
    PauseDate.objects.create(name="Mourning", first=NOW.date(), last=NOW.date(), marketing="skip")


def _quiet_hours(client):
    SendWindow.objects.create(channel="email", opens=time(9), closes=time(11), outside="skip")


def _frequency_cap(client):
    FrequencyCap.objects.create(limit=1, hours=24, defer_hours=2)
    sent(client, NOW - HOUR)


@pytest.mark.parametrize(
    "obstacle", [_no_consent, _suppressed, _pause_date, _quiet_hours, _frequency_cap], ids=lambda o: o.__name__[1:]
)
def test_what_stands_in_the_way_is_called_the_same_everywhere(obstacle):
    anna = b.client()
    draft = _scene(anna)
    obstacle(anna)
    rehearsed = rehearsal.for_client(draft, anna.pk, NOW)
    explained = [check.words for check in why(draft, anna.pk, NOW).checks if check.ok is False]

    read_events(NOW)
    _send(NOW)

    message = Message.objects.get(scenario_id=draft.pk)
    expected = obstacle.__name__[1:]
    assert (message.status, message.reason) == ("withheld", expected)
    assert [(m.status, m.reason) for m in rehearsed.moments if m.channel] == [("withheld", expected)]
    assert explained == [reason_label(expected)]
    assert reason_label(expected) in why(draft, anna.pk, NOW).verdict


def test_what_waits_for_the_morning_leaves_then_and_is_rehearsed_so():
    SendWindow.objects.create(channel="email", opens=time(9), closes=time(11), spread_minutes=30)
    anna = b.client()
    draft = _scene(anna)
    rehearsed = rehearsal.for_client(draft, anna.pk, NOW)
    waits = [check.words for check in why(draft, anna.pk, NOW).checks if "quiet hours" in check.words]

    read_events(NOW)
    _send(NOW)

    message = Message.objects.get()
    opening = NOW + 18 * HOUR  # 09:00 of tomorrow in Moscow
    assert (message.status, message.reason) == ("queued", "quiet_hours")
    assert opening <= message.due_at < opening + HOUR / 2
    assert waits == ["waits until March 11, 2026 09:00: quiet hours"]
    _send(opening - HOUR)
    _send(message.due_at)
    message.refresh_from_db()
    assert (message.status, message.reason, message.sent_at) == ("accepted", "", message.due_at)
    assert [moment.status for moment in rehearsed.moments if moment.channel] == ["accepted"]


def test_a_consent_taken_back_at_night_stops_what_waits_for_the_morning():
    SendWindow.objects.create(opens=time(9), closes=time(11), spread_minutes=0)
    anna = b.client()
    _scene(anna)
    read_events(NOW)
    _send(NOW)
    b.agree(anna, granted=False)
    _send(NOW + 18 * HOUR)
    message = Message.objects.get()
    assert (message.status, message.reason) == ("withheld", "no_consent")


def test_hours_that_staff_set_while_a_message_waits_are_heeded():
    anna = b.client()
    _scene(anna)
    read_events(NOW)
    advance_due(NOW)
    SendWindow.objects.create(opens=time(9), closes=time(11), spread_minutes=0)
    _send(NOW)
    message = Message.objects.get()
    assert (message.status, message.reason, message.due_at) == ("queued", "quiet_hours", NOW + 18 * HOUR)


def test_an_order_status_goes_at_night():
    SendWindow.objects.create(opens=time(9), closes=time(11))
    anna = b.client(consent=False)
    draft = _scene(anna, topic="service")
    read_events(NOW)
    _send(NOW)
    assert Message.objects.get().status == "accepted"
    assert any("exempt" in check.words for check in why(draft, anna.pk, NOW).checks)


def test_a_rehearsal_of_the_base_counts_caps_as_it_would_have_been_live():
    FrequencyCap.objects.create(limit=1, hours=24, defer_hours=0)
    draft, shop, anna = b.scenario(reentry="always"), b.source(), b.client()
    b.email(b.trunk(draft))
    for hours in (30, 29, 3):
        b.record_event(shop, "order.created", anna, NOW - hours * HOUR)
    figures = rehearsal.for_base(draft, NOW, 3)
    assert dict(figures.sent) == {"email": 2}
    assert dict(figures.withheld) == {"frequency_cap": 1}
