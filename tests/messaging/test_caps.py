"""Rolling windows, counted on what was sent, also between workers (semantics §24)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction

from messaging.models import FrequencyCap, Message, Reason
from messaging.services import caps, last_look, outbox, policy, rulebook
from messaging.services.policy import Stage
from tests import builders as b
from tests.builders import NOW
from tests.messaging.test_policy import sent

HOUR = timedelta(hours=1)


def _draft(client, step="s1", channel="email", **values):
    address = client.email if channel == "email" else client.phone
    return outbox.Draft(
        client.pk, None, None, step, client.pk, channel, values.pop("topic", "marketing"), address, "Subject", "Text",
        **values,
    )  # fmt: skip


def _wish(client, key=1, channel="email", topic="marketing", since=None):
    return caps.Wish(key, client.pk, channel, topic, since)


def _full(*wishes, now=NOW, take=False):
    return caps.full(wishes, rulebook.load(now), now, take)


def _cap(limit=1, hours=24, defer_hours=48, **values):
    return FrequencyCap.objects.create(limit=limit, hours=hours, defer_hours=defer_hours, **values)


@pytest.fixture
def sink(settings):
    settings.EMAIL_BACKEND = "messaging.channels.sink.EmailBackend"


@pytest.mark.django_db
class TestCounting:
    def test_the_window_rolls(self):
        _cap(limit=2)
        anna = b.client()
        sent(anna, NOW - 23 * HOUR)
        assert _full(_wish(anna)) == {}
        sent(anna, NOW - HOUR)
        assert _full(_wish(anna)) == {1: NOW + HOUR}
        assert _full(_wish(anna), now=NOW + HOUR) == {}

    def test_what_was_not_sent_takes_no_place(self):
        _cap()
        anna = b.client()
        for status in ("failed", "withheld", "queued", "unknown"):
            sent(anna, NOW - HOUR, status=status)
        assert _full(_wish(anna)) == {}
        sent(anna, NOW - HOUR, status="delivered")
        assert _full(_wish(anna)) == {1: NOW + 23 * HOUR}

    def test_a_cap_is_of_its_channel_and_topic(self):
        _cap(channel="sms")
        _cap(topic="digest")
        anna = b.client()
        sent(anna, NOW - HOUR, channel="sms", topic="digest")
        assert _full(_wish(anna)) == {}
        assert _full(_wish(anna, channel="sms")).keys() == {1}
        assert _full(_wish(anna, topic="digest")).keys() == {1}

    def test_transactional_messages_do_not_count(self):
        _cap()
        anna = b.client()
        sent(anna, NOW - HOUR, topic="service")
        assert _full(_wish(anna)) == {}

    def test_others_do_not_count(self):
        _cap()
        anna, boris = b.client(), b.client()
        sent(anna, NOW - HOUR)
        assert _full(_wish(boris)) == {}

    def test_of_a_batch_the_first_takes_the_place(self):
        _cap()
        anna = b.client()
        assert _full(_wish(anna, 1), _wish(anna, 2)) == {2: NOW + 24 * HOUR}

    def test_of_several_caps_the_last_one_to_free_decides(self):
        _cap(limit=1, hours=2)
        _cap(limit=2, hours=24)
        anna = b.client()
        sent(anna, NOW - HOUR)
        assert _full(_wish(anna)) == {1: NOW + HOUR}
        sent(anna, NOW - 20 * HOUR)
        assert _full(_wish(anna)) == {1: NOW + 4 * HOUR}

    def test_patience_is_counted_from_the_first_time_that_a_cap_held_it(self):
        _cap(defer_hours=3)
        anna = b.client()
        sent(anna, NOW - 22 * HOUR)
        assert _full(_wish(anna)) == {1: NOW + 2 * HOUR}
        assert _full(_wish(anna, since=NOW - HOUR)) == {1: NOW + 2 * HOUR}
        assert _full(_wish(anna, since=NOW - 2 * HOUR)) == {1: None}

    def test_a_cap_without_patience_skips_at_once(self):
        _cap(defer_hours=0)
        anna = b.client()
        sent(anna, NOW - HOUR)
        assert _full(_wish(anna)) == {1: None}

    def test_no_cap_no_query(self, django_assert_num_queries):
        book, anna = rulebook.load(NOW), b.client()
        with django_assert_num_queries(0):
            assert caps.full([_wish(anna)], book, NOW, take=True) == {}

    def test_a_batch_takes_two_queries_and_an_index(self, django_assert_num_queries):
        _cap()
        people, book = b.clients(500), rulebook.load(NOW)
        wishes = [_wish(person, person.pk) for person in people]
        with django_assert_num_queries(2):
            assert caps.full(wishes, book, NOW, take=True) == {}


@pytest.mark.django_db
class TestSending:
    def test_the_second_message_waits_for_the_place_and_leaves_then(self, sink):
        _cap()
        anna = b.client()
        outbox.queue([_draft(anna), _draft(anna, "s2")], NOW)
        while outbox.send_due(NOW):
            pass
        first, second = Message.objects.order_by("pk")
        assert (first.status, second.status, second.reason) == ("accepted", "queued", Reason.FREQUENCY_CAP)
        assert (second.due_at, second.capped_since, second.tries) == (NOW + 24 * HOUR, NOW, 0)
        later = NOW + 24 * HOUR
        while outbox.send_due(later):
            pass
        second.refresh_from_db()
        assert (second.status, second.reason, second.sent_at) == ("accepted", "", later)

    def test_what_would_wait_too_long_is_withheld_with_its_reason(self, sink):
        _cap(defer_hours=1)
        anna = b.client()
        outbox.queue([_draft(anna), _draft(anna, "s2")], NOW)
        while outbox.send_due(NOW):
            pass
        assert list(Message.objects.order_by("pk").values_list("status", "reason")) == [
            ("accepted", ""),
            ("withheld", Reason.FREQUENCY_CAP),
        ]

    def test_when_due_together_the_higher_priority_takes_the_place(self, sink):
        _cap(defer_hours=0)
        anna = b.client()
        ids = outbox.queue([_draft(anna, turn=outbox.turn(1)), _draft(anna, "s2", turn=outbox.turn(7))], NOW)
        while outbox.send_due(NOW):
            pass
        found = Message.objects.in_bulk(ids)
        assert [found[i].status for i in ids] == ["withheld", "accepted"]

    def test_what_staff_get_takes_no_place_and_needs_none(self, sink):
        _cap(defer_hours=0)
        anna = b.client()
        outbox.queue([_draft(anna), _draft(anna, "s2", recipient="staff"), _draft(anna, "s3", test=True)], NOW)
        while outbox.send_due(NOW):
            pass
        assert set(Message.objects.values_list("status", flat=True)) == {"accepted"}

    def test_the_last_look_costs_the_same_for_many(self, sink, django_assert_max_num_queries):
        _cap()
        people = b.clients(300)
        outbox.queue([_draft(person) for person in people], NOW)
        batch = list(Message.objects.all())
        with django_assert_max_num_queries(8):
            assert len(last_look.passed(batch, NOW, Stage.SENDING)) == 300


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_both_take_the_last_place():
    _cap()
    people = b.clients(20)
    ids = [outbox.queue([_draft(person), _draft(person, "s2")], NOW) for person in people]
    start = Barrier(2)

    def claim(mine):
        """What a worker does up to the moment when the provider is called."""
        try:
            with transaction.atomic():
                Message.objects.filter(pk__in=mine).update(status="sending", claimed_at=NOW)
                batch = list(Message.objects.filter(pk__in=mine))
                start.wait(timeout=10)
                return [message.pk for message in last_look.passed(batch, NOW, Stage.SENDING)]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        gone = list(pool.map(claim, ([first for first, _ in ids], [second for _, second in reversed(ids)])))
    assert len(gone[0]) + len(gone[1]) == 20
    assert Message.objects.filter(status="sending").values("client").distinct().count() == 20


@pytest.mark.django_db
def test_showing_takes_nothing_from_those_who_send():
    """Whoever asks why must not make a sender wait."""
    _cap()
    anna = b.client()
    asks = [policy.Ask(1, anna.pk, "email", "marketing", anna.email, "")]
    assert policy.judge(asks, rulebook.load(NOW), NOW, Stage.SHOWING) == {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)
