"""One message through several channels, until one reaches the client (semantics §22)."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from django.db import connection

from messaging.models import Fallback, FrequencyCap, Message, Reserve, SendWindow
from messaging.services import best_channel, cascade, outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog
from scenarios.services import lifecycle, rehearsal
from tests import builders as b
from tests.builders import NOW
from tests.messaging.test_policy import sent

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
SMS = {"channel": "sms", "subject": "", "body": "SMS for {{ client.first_name }}"}
PUSH = {"channel": "messenger", "subject": "", "body": "Psst"}


def _pump(now):
    read_events(now)
    advance_due(now)
    while cascade.fall_through(now) or outbox.send_due(now):
        pass


def _scene(client, fallbacks=(SMS,), **values):
    draft, shop = b.scenario(), b.source()
    values = {"fallback_on": "opened", "fallback_amount": 6, "fallback_unit": "hours"} | values
    b.email(b.trunk(draft), fallbacks=list(fallbacks), **values)
    b.live(draft)
    b.record_event(shop, "order.created", client)
    _pump(NOW)
    return draft


def _states():
    return [tuple(row) for row in Message.objects.order_by("attempt").values_list("channel", "status", "reason")]


def test_the_first_channel_goes_and_the_others_stand_by():
    _scene(b.client())
    assert _states() == [("email", "accepted", ""), ("sms", "standby", "")]
    assert Message.objects.get(attempt=2).body == "SMS for Anna"
    assert RunLog.objects.exclude(message=None).get().message.attempt == 1


def test_the_next_goes_when_the_time_is_over_and_not_before():
    _scene(b.client())
    _pump(NOW + 6 * HOUR - timedelta(seconds=1))
    assert _states()[1] == ("sms", "standby", "")
    _pump(NOW + 6 * HOUR)
    assert _states()[1] == ("sms", "accepted", "")


@pytest.mark.parametrize(
    ("waits_for", "column", "goes"),
    [
        ("delivered", None, True),
        ("delivered", "delivered_at", False),
        ("delivered", "first_opened_at", False),
        ("opened", "delivered_at", True),
        ("opened", "first_opened_at", False),
        ("opened", "first_clicked_at", False),
        ("clicked", "first_opened_at", True),
        ("clicked", "first_clicked_at", False),
    ],
)
def test_what_was_waited_for_keeps_the_next_back(waits_for, column, goes):
    _scene(b.client(), fallback_on=waits_for)
    if column:
        Message.objects.filter(attempt=1).update(**{column: NOW + HOUR})
    _pump(NOW + 6 * HOUR)
    assert _states()[1] == (("sms", "accepted", "") if goes else ("sms", "withheld", "reached"))


def test_a_channel_without_consent_or_address_is_passed_over_with_its_reason():
    anna = b.client(consent=False)
    b.agree(anna, channels=("sms",))
    _scene(anna)
    assert _states() == [("email", "withheld", "no_consent"), ("sms", "accepted", "")]
    line = RunLog.objects.exclude(message=None).get()
    assert (line.message.channel, line.reason) == ("sms", "")
    assert Fallback.objects.count() == 0


def test_where_no_channel_may_be_used_the_log_says_why_of_each():
    _scene(b.client(consent=False))
    assert _states() == [("email", "withheld", "no_consent"), ("sms", "withheld", "no_consent")]
    assert RunLog.objects.exclude(message=None).get().reason == "no_consent"


def test_a_failure_calls_the_next_at_once():
    anna = b.client()
    _scene(anna)
    Message.objects.filter(attempt=1).update(status="failed")
    first = Message.objects.get(attempt=1)
    cascade.hurry([first.pk], NOW + HOUR)
    _pump(NOW + HOUR)
    assert _states()[1] == ("sms", "accepted", "")


def test_a_bounce_that_the_stream_tells_calls_the_next_at_once():
    anna = b.client()
    _scene(anna)
    first = Message.objects.get(attempt=1)
    Message.objects.filter(pk=first.pk).update(status="failed")
    b.record_event(b.source(), "message.failed", anna, NOW + HOUR, payload={"message": first.pk})
    _pump(NOW + HOUR)
    assert _states()[1] == ("sms", "accepted", "")


def test_a_late_success_stops_the_next_even_while_it_waits_for_the_morning():
    anna = b.client()
    draft = _scene(anna, (SMS, PUSH))
    SendWindow.objects.create(channel="sms", opens=time(9), closes=time(20), spread_minutes=0)
    _pump(NOW + 6 * HOUR)  # 21:00 in Moscow
    assert _states()[1] == ("sms", "queued", "quiet_hours")
    Message.objects.filter(attempt=1).update(first_opened_at=NOW + 7 * HOUR)
    _pump(NOW + 18 * HOUR)
    assert _states()[1:] == [("sms", "withheld", "reached"), ("messenger", "withheld", "no_consent")]
    assert draft.pk


def test_channels_follow_one_another():
    """Of three, the last has its turn once the second has had its time."""
    anna = b.client()
    ids = outbox.queue(
        [
            outbox.Draft(
                anna.pk, None, 1, "s", 1, "email", "marketing", anna.email, "S", "T", attempt=attempt, reserve=reserve
            )
            for attempt, reserve in ((1, None), (2, Reserve("opened", 6 * HOUR)), (3, Reserve("opened", 2 * HOUR)))
        ],
        NOW,
    )
    told = []
    for hours in (0, 6, 7, 8):
        _pump(NOW + hours * HOUR)
        found = Message.objects.in_bulk(ids)
        told.append([found[i].status for i in ids])
    assert told == [
        ["accepted", "standby", "standby"],
        ["accepted", "accepted", "standby"],
        ["accepted", "accepted", "standby"],
        ["accepted", "accepted", "accepted"],
    ]


def test_an_early_success_takes_all_the_reserve_back():
    anna = b.client()
    draft = outbox.Draft(anna.pk, None, 1, "s", 1, "email", "marketing", anna.email, "S", "T")
    reserve = Reserve("opened", HOUR)
    outbox.queue([draft, *(replace(draft, attempt=attempt, reserve=reserve) for attempt in (2, 3))], NOW)
    _pump(NOW)
    Message.objects.filter(attempt=1).update(first_opened_at=NOW)
    _pump(NOW + HOUR)
    assert [state[1:] for state in _states()[1:]] == [("withheld", "reached")] * 2


def test_an_attempt_waits_as_long_as_the_one_before_it_waits():
    SendWindow.objects.create(channel="email", opens=time(9), closes=time(11), spread_minutes=0)
    _scene(b.client())
    opening = NOW + 18 * HOUR
    _pump(NOW + 6 * HOUR)
    assert _states() == [("email", "queued", "quiet_hours"), ("sms", "standby", "")]
    _pump(opening)
    _pump(opening + 6 * HOUR - timedelta(seconds=1))
    assert _states() == [("email", "accepted", ""), ("sms", "standby", "")]
    _pump(opening + 6 * HOUR)
    assert _states()[1] == ("sms", "accepted", "")


def test_attempts_of_one_message_take_one_place_under_a_cap():
    FrequencyCap.objects.create(limit=1, hours=24, defer_hours=0)
    anna = b.client()
    _scene(anna)
    _pump(NOW + 6 * HOUR)
    assert [state[1] for state in _states()] == ["accepted", "accepted"]


def test_an_end_of_the_run_takes_the_reserve_back():
    anna = b.client()
    draft = _scene(anna)
    lifecycle.archive(draft, NOW + HOUR)
    _pump(NOW + 6 * HOUR)
    assert _states()[1][1] == "withheld"


def test_a_thousand_waiting_cost_nothing_and_the_due_a_few_queries(django_assert_max_num_queries):
    anna = b.client()
    _scene(anna)
    with django_assert_max_num_queries(3):
        assert cascade.fall_through(NOW + HOUR) == 0
    with django_assert_max_num_queries(9):
        assert cascade.fall_through(NOW + 6 * HOUR) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT * FROM messaging_fallback WHERE at <= now() ORDER BY at LIMIT 10")
        assert "fallback_due" in str(cursor.fetchall())


def test_a_rehearsal_gives_every_channel_its_turn():
    shop, anna, draft = b.source(), b.client(), b.scenario()
    b.email(b.trunk(draft), fallbacks=[SMS], fallback_on="opened", fallback_amount=6, fallback_unit="hours")
    b.record_event(shop, "order.created", anna, NOW - 24 * HOUR)
    assert dict(rehearsal.for_base(draft, NOW, 3).sent) == {"email": 1, "sms": 1}
    assert Message.objects.count() == 0


class TestBestChannel:
    def test_clicks_go_before_opens_and_the_given_order_decides_between_equals(self):
        anna, boris, clara = b.clients(3)
        for channel, column in (
            ("email", "first_opened_at"),
            ("email", "first_opened_at"),
            ("sms", "first_clicked_at"),
        ):
            message = sent(anna, NOW - HOUR, channel=channel)
            Message.objects.filter(pk=message.pk).update(**{column: NOW})
        message = sent(boris, NOW - HOUR, channel="email")
        Message.objects.filter(pk=message.pk).update(first_opened_at=NOW)
        assert best_channel.ordered([anna.pk, boris.pk, clara.pk], ["email", "sms"], NOW) == {
            anna.pk: [1, 0],
            boris.pk: [0, 1],
        }

    def test_what_is_older_than_90_days_is_forgotten(self):
        anna = b.client()
        message = sent(anna, NOW - timedelta(days=91), channel="sms")
        Message.objects.filter(pk=message.pk).update(first_clicked_at=NOW)
        assert best_channel.ordered([anna.pk], ["email", "sms"], NOW) == {}

    def test_a_message_begins_with_the_best_one(self):
        anna = b.client()
        message = sent(anna, NOW - HOUR, channel="sms")
        Message.objects.filter(pk=message.pk).update(first_clicked_at=NOW - HOUR)
        _scene(anna, best_first=True)
        rows = Message.objects.exclude(pk=message.pk).order_by("attempt").values_list("channel", "status")
        assert list(rows) == [("sms", "accepted"), ("email", "standby")]


@pytest.mark.parametrize(
    ("fallbacks", "words"),
    [
        ([{"channel": "email", "subject": "a", "body": "b"}], "twice"),
        ([{"channel": "sms", "body": ""}], "What does the message say?"),
        ([{"channel": "pigeon", "body": "b"}], "Choose a channel."),
        ([{"channel": "sms", "body": "{{ nonsense"}], "2. SMS"),
        ("sms", "at most"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_with_its_place(fallbacks, words):
    draft = b.scenario()
    step = b.email(b.trunk(draft), fallbacks=fallbacks)
    assert any(words in problem for problem in step.problems())
