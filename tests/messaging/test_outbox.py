"""Record first, then send; whatever a provider answers is on the row (semantics §20–21)."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes

import pytest
from aiosmtpd.controller import Controller
from django.db import IntegrityError, connection, transaction

from messaging.models import Message, SinkEmail, Suppression
from messaging.services import outbox
from tests import builders as b
from tests.builders import NOW
from tests.messaging.twilio_sink import TwilioSink


def _draft(client, channel="email", step="s1", **values):
    address = client.email if channel == "email" else client.phone
    return outbox.Draft(client.pk, None, 1, step, client.pk, channel, "marketing", address, "Subject", "Text", **values)


def _drain(now):
    while outbox.send_due(now):
        pass


class _Mailbox:
    """An SMTP server that answers by the recipient's name."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 (aiosmtpd's name)
        name = address.partition("@")[0]
        if name == "unknown":
            return "550 5.1.1 no such mailbox"
        if name == "busy":
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (aiosmtpd's name)
        if envelope.rcpt_tos[0].startswith("slow"):
            await asyncio.sleep(3)
        self.messages.append(envelope.content)
        return "250 OK"


@pytest.fixture
def smtp(settings) -> Iterator[_Mailbox]:
    mailbox = _Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_TIMEOUT = 1
    yield mailbox
    controller.stop()


@pytest.fixture
def twilio(settings) -> Iterator[TwilioSink]:
    with TwilioSink() as sink:
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, "token"
        settings.TWILIO_FROM, settings.TWILIO_API_BASE = "+15005550006", sink.url
        yield sink


@pytest.fixture
def sink(settings):
    settings.EMAIL_BACKEND = "messaging.channels.sink.EmailBackend"


@pytest.mark.django_db
class TestQueue:
    def test_a_second_message_of_the_same_step_is_impossible(self):
        anna = b.client()
        outbox.queue([_draft(anna)], NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            outbox.queue([_draft(anna)], NOW)
        assert Message.objects.count() == 1

    def test_a_withheld_message_is_never_sent(self, sink):
        outbox.queue([_draft(b.client(), withheld="no_consent")], NOW)
        assert outbox.send_due(NOW) == 0
        assert Message.objects.get().status == "withheld"

    def test_ids_come_in_the_order_of_the_drafts(self):
        people = b.clients(5)
        ids = outbox.queue([_draft(person) for person in people], NOW)
        found = Message.objects.in_bulk(ids)
        assert [found[i].client_id for i in ids] == [person.pk for person in people]


@pytest.mark.django_db
class TestSink:
    def test_an_email_is_kept_for_staff_to_read(self, sink):
        anna = b.client()
        outbox.queue([_draft(anna)], NOW)
        _drain(NOW)
        kept = SinkEmail.objects.get()
        assert (kept.recipients, kept.subject, kept.body) == (anna.email, "Subject", "Text")
        assert Message.objects.get().provider_id == kept.message_id

    def test_a_suppressed_address_is_not_written_to(self, sink):
        anna = b.client()
        outbox.queue([_draft(anna)], NOW)
        Suppression.objects.create(channel="email", address=anna.email, since=NOW)
        _drain(NOW)
        message = Message.objects.get()
        assert (message.status, message.reason) == ("withheld", "suppressed")

    def test_a_message_whose_sender_died_is_looked_up_where_the_provider_can_be_asked(self, sink):
        sent, lost = b.client(), b.client()
        ids = outbox.queue([_draft(sent), _draft(lost)], NOW)
        Message.objects.update(status="sending", claimed_at=NOW)
        SinkEmail.objects.create(message_id=f"<loyalty-{ids[0]}@example.com>", sender="x", recipients="y", body="")
        assert outbox.recover(NOW + outbox.LEASE - timedelta(seconds=1)) == 0
        assert outbox.recover(NOW + outbox.LEASE) == 2
        assert list(Message.objects.order_by("id").values_list("status", flat=True)) == ["accepted", "queued"]


@pytest.mark.django_db(transaction=True)
class TestSmtp:
    def test_accepted_refused_and_put_off(self, smtp):
        fine, gone, busy = b.client(), b.client(email="unknown@example.com"), b.client(email="busy@example.com")
        outbox.queue([_draft(person) for person in (fine, gone, busy)], NOW)
        _drain(NOW)
        rows = {m.client_id: m for m in Message.objects.all()}
        assert rows[fine.pk].status == "accepted"
        assert f"Message-ID: <loyalty-{rows[fine.pk].pk}@example.com>".encode() in smtp.messages[0]
        assert (rows[gone.pk].status, rows[gone.pk].reason) == ("failed", "provider_refused")
        assert "550" in rows[gone.pk].error
        assert Suppression.objects.get().address == gone.email
        assert (rows[busy.pk].status, rows[busy.pk].due_at) == ("queued", NOW + outbox.BACKOFF[0])
        assert len(smtp.messages) == 1

    def test_a_formatted_email_carries_its_plain_text_twin(self, smtp):
        outbox.queue([_draft(b.client(email="ok@example.com"), html="<p>Formatted</p>")], NOW)
        _drain(NOW)
        email = message_from_bytes(smtp.messages[0])
        assert email.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in email.get_payload()] == ["text/plain", "text/html"]
        assert [part.get_payload(decode=True).decode().strip() for part in email.get_payload()][0] == "Text"

    def test_patience_ends(self, smtp):
        outbox.queue([_draft(b.client(email="busy@example.com"))], NOW)
        now = NOW
        for wait in [timedelta(0), *outbox.BACKOFF]:
            now += wait
            _drain(now)
        message = Message.objects.get()
        assert (message.status, message.reason, message.tries) == ("failed", "provider_unavailable", 5)

    def test_no_answer_after_the_message_went_out_is_unknown_and_never_sent_again(self, smtp):
        outbox.queue([_draft(b.client(email="slow@example.com"))], NOW)
        _drain(NOW)
        _drain(NOW + timedelta(days=1))
        message = Message.objects.get()
        assert (message.status, message.reason) == ("unknown", "crashed")

    def test_a_server_that_is_down_is_tried_again(self, smtp, settings):
        settings.EMAIL_PORT = 1
        outbox.queue([_draft(b.client())], NOW)
        _drain(NOW)
        message = Message.objects.get()
        assert (message.status, message.reason) == ("queued", "provider_unavailable")

    def test_a_dead_sender_leaves_unknown_where_nobody_can_be_asked(self, smtp):
        outbox.queue([_draft(b.client())], NOW)
        Message.objects.update(status="sending", claimed_at=NOW)
        outbox.recover(NOW + outbox.LEASE)
        _drain(NOW + timedelta(days=1))
        assert Message.objects.get().status == "unknown"
        assert smtp.messages == []

    def test_senders_side_by_side_send_each_message_once(self, smtp):
        people = b.clients(60)
        outbox.queue([_draft(person) for person in people], NOW)

        def send(_):
            try:
                _drain(NOW)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, range(4)))
        assert len(smtp.messages) == 60
        assert set(Message.objects.values_list("status", "tries")) == {("accepted", 1)}


@pytest.mark.django_db(transaction=True)
class TestTwilio:
    def test_an_sms_is_handed_over_with_its_sid_kept(self, twilio):
        anna = b.client()
        outbox.queue([_draft(anna, "sms")], NOW)
        _drain(NOW)
        message = Message.objects.get()
        assert (message.status, message.provider_id) == ("accepted", twilio.sids[0])
        assert twilio.requests[0] == {"To": anna.phone, "From": "+15005550006", "Body": "Text"}

    def test_retry_after_is_obeyed(self, twilio):
        twilio.answers = [(429, {"Retry-After": "77"}, {"code": 20429, "message": "slow down"})]
        outbox.queue([_draft(b.client(), "sms")], NOW)
        _drain(NOW)
        message = Message.objects.get()
        assert (message.status, message.due_at) == ("queued", NOW + timedelta(seconds=77))
        _drain(NOW + timedelta(seconds=77))
        message.refresh_from_db()
        assert message.status == "accepted"

    def test_a_bad_number_is_refused_and_suppressed(self, twilio):
        twilio.answers = [(400, {}, {"code": 21211, "message": "Invalid 'To' number"})]
        anna = b.client()
        outbox.queue([_draft(anna, "sms")], NOW)
        _drain(NOW)
        assert Message.objects.get().status == "failed"
        assert Suppression.objects.get().address == anna.phone

    def test_a_server_error_is_tried_again(self, twilio):
        twilio.answers = [(500, {}, {"code": 20500, "message": "oops"})]
        outbox.queue([_draft(b.client(), "sms")], NOW)
        _drain(NOW)
        assert Message.objects.get().status == "queued"
