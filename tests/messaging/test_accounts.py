"""Accounts: which one a message leaves through, how fast, for how much; kill switches (semantics §21, §24)."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core import management
from django.db import connection
from django.utils import timezone

from messaging.jobs import pump
from messaging.models import (
    AccountState,
    ChannelPrice,
    GatewayAccount,
    Message,
    SendingSwitch,
    TwilioAccount,
    WhatsAppAccount,
)
from messaging.services import outbox, reports
from messaging.services.account_health import Light, light
from messaging.services.accounts import outlets
from tests import builders as b
from tests.builders import NOW
from tests.messaging.http_sink import HttpSink
from tests.messaging.sending import drain, queue, sent
from tests.messaging.slow_mailbox import SlowMailbox

ROOT = Path(__file__).resolve().parents[2]
SID = "AC" + "0" * 32
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink(settings):
    settings.WEBHOOK_ALLOW = ["127.0.0.1"]
    with HttpSink() as server:
        yield server


def _gateway(sink, path="send", **values):
    return GatewayAccount.objects.create(**{"name": path, "channel": "sms", "url": f"{sink.url}/{path}"} | values)


class TestWhich:
    def test_the_main_account_serves_what_names_none_and_an_account_what_names_it(self, sink):
        _gateway(sink, "old")
        main, other = _gateway(sink, "main", is_default=True), _gateway(sink, "other")
        usual, named = queue(b.client()), queue(b.client(), account_id=other.pk)
        drain()
        assert sorted(call.path for call in sink.calls) == ["/main", "/other"]
        for message, account in ((usual, main), (named, other)):
            message.refresh_from_db()
            assert message.account_id == account.pk

    def test_an_account_that_was_switched_off_leaves_its_messages_to_the_main_one(self, sink):
        _gateway(sink, "main", is_default=True)
        other = _gateway(sink, "other", active=False)
        sent(queue(b.client(), account_id=other.pk))
        assert [call.path for call in sink.calls] == ["/main"]

    def test_where_all_accounts_are_switched_off_messages_wait(self, sink):
        account = _gateway(sink, active=False)
        message = sent(queue(b.client()))
        assert message.status == "queued"
        account.active = True
        account.save()
        assert sent(message).status == "accepted"

    def test_one_small_query_where_nothing_changed(self, sink, django_assert_num_queries):
        _gateway(sink)
        outlets()
        with django_assert_num_queries(1):
            assert outlets().of("sms").name == "sms"


class TestSwitches:
    def test_a_stopped_account_holds_its_messages(self, sink):
        account = _gateway(sink, stopped=True)
        message = sent(queue(b.client()))
        assert (message.status, sink.calls) == ("queued", [])
        account.stopped = False
        account.save()
        assert sent(message).status == "accepted"

    def test_the_switch_of_all_holds_everything(self, sink):
        _gateway(sink)
        switch = SendingSwitch.objects.create(stopped=True)
        by_sms, by_email = queue(b.client()), queue(b.client(), "email")
        assert (sent(by_sms).status, sent(by_email).status) == ("queued", "queued")
        switch.stopped = False
        switch.save()
        assert (sent(by_sms).status, sent(by_email).status) == ("accepted", "accepted")


class TestTurns:
    def test_what_is_owed_goes_first_then_the_higher_priority_then_the_older(self, sink):
        _gateway(sink, concurrency=1)
        later, low, high, owed = (
            queue(b.client(), turn=turn, now=now)
            for turn, now in (
                (outbox.turn(0), NOW),
                (outbox.turn(0), NOW - timedelta(minutes=1)),
                (outbox.turn(5), NOW),
                (outbox.turn(-9, owed=True), NOW),
            )
        )
        drain()
        assert [call.json()["id"] for call in sink.calls] == [str(m.pk) for m in (owed, high, low, later)]

    def test_finding_what_is_due_asks_the_same_however_much_is_queued(self, sink, django_assert_max_num_queries):
        _gateway(sink, stopped=True)
        for person in b.clients(50):
            queue(person)
        outlets()
        with django_assert_max_num_queries(2):
            assert outbox.send_due(NOW) == 0


class TestRate:
    def test_all_workers_together_keep_it(self, sink):
        _gateway(sink, rate=10)
        for person in b.clients(40):
            queue(person)

        def work(_):
            try:
                for step in range(20):
                    outbox.send_due(NOW + timedelta(seconds=step / 10))
            finally:
                connection.close()

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))
        # Two seconds, and the half second that is given away ahead.
        assert 20 <= len(sink.calls) <= 25

    def test_a_flushed_redis_changes_nothing(self, sink, valkey):
        _gateway(sink, rate=2)
        for person in b.clients(5):
            queue(person)
        drain()
        before = len(sink.calls)
        valkey.flushall()
        drain()
        assert len(sink.calls) == before == 1

    def test_messages_leave_one_by_one(self, sink):
        account = _gateway(sink, rate=20)
        for person in b.clients(5):
            queue(person)
        began = timezone.now()
        outbox.send_due(NOW)
        assert timezone.now() - began >= timedelta(seconds=4 / 20)
        assert AccountState.objects.get(account=account).free_at == NOW + timedelta(seconds=5 / 20)

    def test_the_job_sends_on_until_nothing_is_left(self, sink):
        _gateway(sink, rate=50)
        for person in b.clients(30):
            queue(person)
        pump()
        assert len(sink.calls) == 30


class TestCost:
    def test_an_sms_costs_its_parts(self, sink):
        _gateway(sink, price=Decimal("2.5"))
        assert sent(queue(b.client(), body="я" * 71)).cost == Decimal("5.0000")

    def test_without_a_price_of_its_own_the_channels_counts(self, sink):
        ChannelPrice.objects.create(channel="sms", price=3)
        _gateway(sink)
        assert sent(queue(b.client())).cost == 3

    def test_what_was_refused_costs_nothing(self, sink):
        _gateway(sink, price=1)
        sink.answers = [(400, {}, {})]
        assert sent(queue(b.client())).cost is None


class TestHealth:
    def _light(self, account):
        return light(AccountState.objects.get(account=account))

    def test_green_then_yellow_then_red(self, sink):
        account = _gateway(sink)
        sent(queue(b.client()))
        assert self._light(account) == Light.GREEN
        sink.answers = [(500, {}, {})]
        sent(queue(b.client()))
        assert self._light(account) == Light.YELLOW
        assert AccountState.objects.get(account=account).error == "HTTP 500"
        sink.answers = [(500, {}, {})] * 4
        for _ in range(4):
            sent(queue(b.client()))
        assert self._light(account) == Light.RED

    def test_a_bad_number_is_not_the_accounts_fault(self, sink):
        account = _gateway(sink, address_codes="404")
        sink.answers = [(404, {}, {})]
        sent(queue(b.client()))
        assert self._light(account) == Light.GREEN


class TestCrash:
    """kill -9 between the call and the answer (semantics §20)."""

    @pytest.fixture
    def smtp(self):
        with SlowMailbox() as server:
            yield server

    def _die_in_flight(self, sink, environment):
        """A process takes the message to the provider, who has it, and dies before the answer."""
        sink.slow = 3
        database = connection.settings_dict
        host = str(database["HOST"]).replace("/", "%2F")
        url = f"postgres://{database['USER']}:{database['PASSWORD']}@{host}:{database['PORT']}/{database['NAME']}"
        code = (
            "import django; django.setup()\n"
            "from django.utils import timezone\n"
            "from messaging.services import outbox\n"
            "outbox.send_due(timezone.now())\n"
        )
        environment = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "1"} | environment
        worker = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment)
        deadline = timezone.now() + timedelta(seconds=60)
        while not sink.calls and timezone.now() < deadline:
            assert worker.poll() is None
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        sink.slow = 0

    def test_who_cannot_be_asked_leaves_it_unknown_and_nothing_is_sent_twice(self, sink):
        _gateway(sink)
        message = queue(b.client())
        self._die_in_flight(sink, {"WEBHOOK_ALLOW": "127.0.0.1"})
        message.refresh_from_db()
        assert message.status == "sending"
        later = timezone.now() + outbox.LEASE
        assert outbox.recover(later) == 1
        assert (sent(message, later).status, message.reason, len(sink.calls)) == ("unknown", "crashed", 1)

    @pytest.mark.parametrize(("listed", "status"), [(True, "accepted"), (False, "queued")])
    def test_twilio_is_asked(self, settings, listed, status):
        with HttpSink((201, {}, {"sid": "SM1"})) as sink:
            settings.TWILIO_API_BASE = sink.url
            TwilioAccount.objects.create(name="T", channel="sms", sid=SID, token="t", number="+15005550006")
            message = queue(b.client())
            self._die_in_flight(sink, {"TWILIO_API_BASE": sink.url})
            found = [{"sid": "SM9", "body": "Text", "to": message.address}] if listed else []
            sink.answers = [(200, {}, {"messages": found, "next_page_uri": None, "page_size": 50})]
            assert outbox.recover(timezone.now() + outbox.LEASE) == 1
            message.refresh_from_db()
            assert message.status == status
            assert message.provider_id == ("SM9" if listed else "")
            assert sink.calls[-1].method == "GET"
            assert sink.calls[-1].query["To"] == message.address

    def test_an_email_is_not_sent_twice_and_what_the_mail_service_tells_of_it_resolves_it(self, smtp):
        message = queue(b.client(email="slow@example.com"), "email")
        self._die_in_flight(smtp, {"EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}"})
        later = timezone.now() + outbox.LEASE
        assert outbox.recover(later) == 1
        assert (sent(message, later).status, message.reason, len(smtp.calls)) == ("unknown", "crashed", 1)
        reports.keep([reports.report("delivered", f"<loyalty-{message.pk}@example.com>", later, later)])
        reports.apply(later)
        message.refresh_from_db()
        assert (message.status, message.reason) == ("delivered", "")

    @pytest.mark.parametrize("status", ["unknown", "queued"])
    def test_an_answer_that_comes_after_its_message_was_given_up_still_counts(self, sink, status):
        _gateway(sink)
        message = queue(b.client())
        sending = outbox.Sending()
        sending.claim(NOW)
        Message.objects.update(status=status)
        while sending.in_flight:
            sending.gather(NOW, patience=1)
        assert sent(message, NOW + timedelta(days=1)).status == "accepted"
        assert len(sink.calls) == 1


class TestAsked:
    """A call to Twilio that got no answer is asked about; what was sent is never sent again (semantics §20)."""

    @pytest.fixture
    def sink(self, settings):
        with HttpSink((201, {}, {"sid": "SM1"})) as server:
            settings.TWILIO_API_BASE = server.url
            TwilioAccount.objects.create(name="T", channel="sms", sid=SID, token="t", number="+15005550006", timeout=1)
            yield server

    def _recover(self, sink, *listed, later=outbox.LEASE):
        messages = [{"body": "Text", "date_created": None, "date_sent": None} | one for one in listed]
        sink.answers = [(200, {}, {"messages": messages, "next_page_uri": None})] * 2
        outbox.recover(timezone.now() + later)
        sink.answers = []

    @pytest.mark.parametrize("status", [504, None])
    def test_an_outcome_that_nobody_knows_is_found_at_twilio(self, sink, status):
        if status:
            sink.answers = [(status, {}, {})]
        else:
            sink.slow = 1.2
        message = sent(queue(b.client()), timezone.now())
        sink.slow = 0
        assert message.status == "sending"
        self._recover(sink, {"sid": "SM7", "status": "queued"})
        message.refresh_from_db()
        assert (message.status, message.provider_id) == ("accepted", "SM7")
        # By the number alone: what waits in Twilio's own queue has no day of sending.
        assert sink.calls[-1].query.keys() <= {"To", "PageSize"}
        assert [call.method for call in sink.calls].count("POST") == 1

    def test_while_twilio_does_not_answer_it_is_asked_again(self, sink):
        sink.answers = [(504, {}, {})]
        message = sent(queue(b.client()), timezone.now())
        sink.answers = [(503, {}, {})]
        outbox.recover(timezone.now() + outbox.LEASE)
        message.refresh_from_db()
        assert message.status == "sending"
        self._recover(sink, {"sid": "SM7"}, later=2 * outbox.LEASE)
        message.refresh_from_db()
        assert message.status == "accepted"

    def test_an_account_that_is_closed_to_us_tells_no_more(self, sink):
        sink.answers = [(504, {}, {})]
        message = sent(queue(b.client()), timezone.now())
        sink.answers = [(401, {}, {"code": 20003, "message": "Authenticate"})]
        outbox.recover(timezone.now() + outbox.LEASE)
        message.refresh_from_db()
        assert (message.status, message.reason) == ("unknown", "crashed")

    def test_one_message_at_twilio_is_one_of_ours(self, sink):
        """Two clients with one phone, two equal texts: what Twilio has once was sent once."""
        anna, boris, now = b.client(), b.client(), timezone.now()
        known = queue(anna, address="+79990000001")
        Message.objects.filter(pk=known.pk).update(status="accepted", provider_id="SM1")
        stuck = [queue(who, address="+79990000001", now=now) for who in (anna, boris)]
        account_id = TwilioAccount.objects.get().pk
        Message.objects.filter(pk__in=[one.pk for one in stuck]).update(
            status="sending", claimed_at=now, account_id=account_id, tries=1
        )
        self._recover(sink, {"sid": "SM2"}, {"sid": "SM1"})
        assert list(Message.objects.order_by("pk").values_list("status", "provider_id")) == [
            ("accepted", "SM1"), ("accepted", "SM2"), ("queued", ""),
        ]  # fmt: skip


class TestWhatsApp:
    def test_a_template_goes_with_its_variables_and_text_without_one_as_it_is(self, settings):
        with HttpSink((201, {}, {"sid": "SM1"})) as sink:
            settings.TWILIO_API_BASE = sink.url
            WhatsAppAccount.objects.create(name="W", channel="whatsapp", sid=SID, token="t", number="+15005550006")
            person = b.client()
            extras = {"content": "HX" + "1" * 32, "variables": {"1": "Anna"}}
            sent(queue(person, "whatsapp", extras=extras))
            sent(queue(person, "whatsapp"))
        ends = {"To": f"whatsapp:{person.phone}", "From": "whatsapp:+15005550006"}
        assert sink.calls[0].form() == ends | {"ContentSid": "HX" + "1" * 32, "ContentVariables": '{"1":"Anna"}'}
        assert sink.calls[1].form() == ends | {"Body": "Text"}


def test_tick_sends_through_accounts(sink):
    _gateway(sink)
    message = queue(b.client(), now=timezone.now())
    management.call_command("tick")
    message.refresh_from_db()
    assert message.status == "accepted"
