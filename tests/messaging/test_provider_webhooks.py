"""What providers report and pass on: signed, in any order, twice or never (contract §2, semantics §21)."""

import base64
import json
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from twilio.request_validator import RequestValidator

from loyalty.models import Event
from messaging.models import InboundMessage, Message, Report, Suppression, Touch
from messaging.services import outbox, policy, recipients, reports, rulebook
from messaging.webhooks import twilio
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

SID, TOKEN = "AC" + "0" * 32, "token"


@pytest.fixture(autouse=True)
def _provider(settings):
    settings.PUBLIC_URL = "https://loyalty.example"
    settings.SECURE_SSL_REDIRECT = False
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = SID, TOKEN
    settings.ANYMAIL = {"WEBHOOK_SECRET": "esp:secret"}


def _sent(person=None, channel="sms", status="accepted", provider_id="SM1", **values):
    person = person or b.client()
    address = person.email if channel == "email" else person.phone
    draft = outbox.Draft(person.pk, 5, person.pk, "s1", 1, channel, "marketing", address, "S", "Text", **values)
    (pk,) = outbox.queue([draft], NOW)
    sent_at = timezone.now() - timedelta(hours=1)
    Message.objects.filter(pk=pk).update(status=status, provider_id=provider_id, sent_at=sent_at)
    return Message.objects.get(pk=pk)


def _refused(person, channel):
    now = timezone.now()
    asks = policy.asks_of(recipients.load([person.pk]), channel, "marketing")
    verdict = policy.judge(asks, rulebook.load(now), now, policy.Stage.SHOWING).get(person.pk)
    return verdict and verdict.reason


def _twilio(what, token=TOKEN, **told):
    told = {"AccountSid": SID} | told
    path = f"/webhooks/twilio/{what}/"
    signature = RequestValidator(token).compute_signature(f"https://loyalty.example{path}", told)
    return Browser().post(path, told, headers={"x-twilio-signature": signature})


def _status(said, sid="SM1", **told):
    answer = _twilio("status", MessageSid=sid, MessageStatus=said, **told)
    reports.apply(timezone.now())
    return answer


class TestTwilioStatus:
    def test_delivered_is_written_and_told(self):
        message = _sent(depth=2)
        assert _status("delivered").status_code == 204
        message.refresh_from_db()
        assert message.status == "delivered"
        assert message.delivered_at
        event = Event.objects.get(name="message.delivered")
        # Nobody did it: the chain goes on counting.
        assert (event.payload["message"], event.depth) == (message.pk, 3)

    def test_undelivered_fails_the_message(self):
        message = _sent()
        _status("undelivered", ErrorCode="30003", ErrorMessage="Unreachable")
        message.refresh_from_db()
        assert (message.status, message.reason, message.error) == ("failed", "undelivered", "30003 Unreachable")
        assert Event.objects.get().name == "message.failed"
        assert not Suppression.objects.exists()

    def test_what_postgresql_cannot_keep_is_left_out(self):
        message = _sent()
        assert _status("undelivered", ErrorCode="30003", ErrorMessage="Un\x00reachable").status_code == 204
        message.refresh_from_db()
        assert message.error == "30003 Unreachable"

    def test_a_number_that_will_never_do_is_suppressed(self):
        message = _sent()
        _status("failed", ErrorCode="30006")
        assert Suppression.objects.get().address == message.address

    @pytest.mark.parametrize(
        ("said", "status"),
        [
            (["sent", "delivered", "delivered"], "delivered"),
            (["delivered", "sent"], "delivered"),
            (["delivered", "undelivered"], "failed"),
            (["undelivered", "delivered"], "failed"),
            (["nonsense"], "accepted"),
        ],
    )
    def test_any_order_and_twice(self, said, status):
        message = _sent()
        for word in said:
            _status(word)
        message.refresh_from_db()
        assert message.status == status
        assert Event.objects.filter(name="message.delivered").count() <= 1

    @pytest.mark.parametrize("said", ["sent", "delivered"])
    def test_what_nobody_knew_was_sent_after_all(self, said):
        message = _sent(status="unknown")
        Message.objects.update(sent_at=None)
        _status(said)
        message.refresh_from_db()
        assert message.status == ("accepted" if said == "sent" else said)
        assert message.sent_at

    def test_a_report_that_overtakes_the_answer_waits_for_it(self):
        message = _sent(status="sending", provider_id="")
        _status("delivered")
        assert Report.objects.count() == 1
        Message.objects.update(status="accepted", provider_id="SM1")
        assert reports.apply(timezone.now()) == 0
        assert reports.apply(timezone.now() + reports.AGAIN) == 1
        message.refresh_from_db()
        assert message.status == "delivered"
        assert not Report.objects.exists()

    def test_a_report_of_nobody_s_message_is_forgotten_after_a_day(self):
        _status("delivered", "SM404")
        assert Report.objects.count() == 1
        reports.apply(timezone.now() + reports.FORGOTTEN + timedelta(seconds=1))
        assert not Report.objects.exists()

    def test_a_read_whatsapp_is_an_open(self):
        message = _sent(channel="whatsapp")
        _status("read")
        assert Touch.objects.get().message_id == message.pk

    @pytest.mark.parametrize("what", ["status", "inbound"])
    def test_what_is_not_signed_is_nothing(self, what):
        _sent()
        told = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": "+79990000001", "Body": "STOP"}
        assert _twilio(what, "another token", **told).status_code == 401
        assert _twilio(what, TOKEN, AccountSid="AC404", **told).status_code == 401
        assert Browser().post(f"/webhooks/twilio/{what}/", told).status_code == 401
        assert not Report.objects.exists()
        assert not InboundMessage.objects.exists()

    @pytest.mark.parametrize(
        ("url", "signature", "status"),
        [
            # The example of Twilio's own documentation of request validation.
            ("/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", 204),
            ("/myapp.php?foo=1&bar=3", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", 401),
            ("/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", 401),
            ("/myapp.php?foo=1&bar=2", "", 401),
        ],
    )
    def test_twilios_own_example_of_a_signature(self, settings, rf, url, signature, status):
        settings.PUBLIC_URL = "https://mycompany.com"
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "", "12345"
        told = {
            "CallSid": "CA1234567890ABCDE", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
            "Caller": "+14158675309",
        }  # fmt: skip
        assert twilio.status(rf.post(url, told, headers={"x-twilio-signature": signature})).status_code == status

    def test_it_costs_the_same_however_many(self, django_assert_max_num_queries):
        for number in range(20):
            _sent(provider_id=f"SM{number}")
            _twilio("status", MessageSid=f"SM{number}", MessageStatus="delivered")
        with django_assert_max_num_queries(12):
            reports.apply(timezone.now())
        assert Message.objects.filter(status="delivered").count() == 20


class TestTwilioInbound:
    def _write(self, person, text="Hello", sid="SM9"):
        return _twilio("inbound", From=person.phone, To="+15005550006", Body=text, MessageSid=sid)

    def test_an_answer_is_kept_and_told_once(self):
        anna = b.client()
        message = _sent(anna)
        for _ in range(2):
            assert self._write(anna, "How much?").status_code == 200
        kept = InboundMessage.objects.get()
        assert (kept.client, kept.text, kept.answers_id) == (anna, "How much?", message.pk)
        event = Event.objects.get(name="message.replied")
        assert (event.payload["text"], event.payload["message"]) == ("How much?", message.pk)

    def test_stop_acts_at_once_and_start_undoes_it(self):
        anna = b.client()
        self._write(anna, "СТОП", "SM1")
        assert _refused(anna, "sms") == "no_consent"
        # Twilio itself has refused a message meanwhile.
        Suppression.objects.create(channel="sms", address=anna.phone, why="21610: unsubscribed", since=NOW)
        self._write(anna, "Start", "SM2")
        assert _refused(anna, "sms") is None
        names = Event.objects.values_list("name", flat=True)
        assert sorted(names) == ["message.replied", "message.replied", "message.subscribed", "message.unsubscribed"]

    def test_a_stranger_may_say_stop_too(self):
        stranger = b.client()
        stranger.phone = "+79995550000"
        self._write(stranger, "STOP", "SM1")
        assert Suppression.objects.get().address == "+79995550000"
        self._write(stranger, "START", "SM2")
        assert not Suppression.objects.exists()

    def test_bounces_are_not_lifted_by_a_word(self):
        anna = b.client()
        Suppression.objects.create(channel="sms", address=anna.phone, why="30006", since=NOW)
        self._write(anna, "START")
        assert Suppression.objects.exists()


def _postmark(auth="esp:secret", what="tracking", **told):
    headers = {"authorization": "Basic " + base64.b64encode(auth.encode()).decode()}
    answer = Browser().post(
        f"/webhooks/email/postmark/{what}/", json.dumps(told), content_type="application/json", headers=headers
    )
    reports.apply(timezone.now())
    return answer


BOUNCE = {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Description": "No such mailbox"}


class TestEmail:
    def _about(self, message, **told):
        return {"MessageID": message.provider_id, "Recipient": message.address, "Email": message.address} | told

    def test_delivered(self):
        message = _sent(channel="email", provider_id="pm-1")
        told = self._about(message, RecordType="Delivery", DeliveredAt="2026-03-10T12:00:05Z")
        assert _postmark(**told).status_code == 200
        message.refresh_from_db()
        assert message.status == "delivered"
        assert message.delivered_at == NOW + timedelta(seconds=5)

    def test_a_hard_bounce_suppresses_the_address(self):
        message = _sent(channel="email", provider_id="pm-1")
        _postmark(**self._about(message, **BOUNCE))
        message.refresh_from_db()
        assert (message.status, message.reason) == ("failed", "undelivered")
        assert Suppression.objects.get().address == message.address

    def test_a_soft_bounce_does_not(self):
        message = _sent(channel="email", provider_id="pm-1")
        _postmark(**self._about(message, **BOUNCE | {"Type": "Transient", "TypeCode": 2}))
        assert not Suppression.objects.exists()

    def test_a_complaint_suppresses_and_withdraws_consent(self):
        anna = b.client()
        message = _sent(anna, channel="email", provider_id="pm-1")
        _postmark(**self._about(message, RecordType="SpamComplaint", Type="SpamComplaint", TypeCode=512))
        assert Suppression.objects.get().address == anna.email
        assert _refused(anna, "email") == "no_consent"
        assert Event.objects.get().name == "message.unsubscribed"

    def test_opens_and_clicks_of_the_service_are_counted(self):
        message = _sent(channel="email", provider_id="pm-1")
        agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
        at = timezone.now().isoformat()
        _postmark(**self._about(message, RecordType="Open", ReceivedAt=at, UserAgent=agent))
        _postmark(
            **self._about(message, RecordType="Click", ReceivedAt=at, UserAgent=agent, OriginalLink="https://s.e/")
        )
        ours = "https://loyalty.example/r/xyz"  # leads through us: counted there
        _postmark(**self._about(message, RecordType="Click", ReceivedAt=at, UserAgent=agent, OriginalLink=ours))
        assert sorted((touch.link_id is None, touch.who) for touch in Touch.objects.all()) == [
            (False, "person"), (True, "person"),
        ]  # fmt: skip

    def test_a_message_is_known_by_what_it_was_sent_with(self):
        message = _sent(channel="email", provider_id="")
        _postmark(RecordType="Delivery", MessageID="x", Recipient="a@b.c", Metadata={"message": str(message.pk)})
        message.refresh_from_db()
        assert message.status == "delivered"

    def test_an_answer_by_email_is_kept_with_what_it_answers(self):
        anna = b.client()
        message = _sent(anna, channel="email")
        mail = f"From: {anna.email}\r\nIn-Reply-To: <loyalty-{message.pk}@x.y>\r\nMessage-ID: <1@m>\r\n\r\nSTOP it\r\n"
        _postmark(what="inbound", RawEmail=mail, MessageID="in-1", Headers=[], To="us@x.y", OriginalRecipient="us@x.y")
        kept = InboundMessage.objects.get()
        assert (kept.client, kept.text.strip(), kept.answers_id) == (anna, "STOP it", message.pk)

    def test_only_who_knows_the_secret_is_heard(self, settings):
        message = _sent(channel="email", provider_id="pm-1")
        told = self._about(message, **BOUNCE)
        assert _postmark("esp:wrong", **told).status_code == 400
        settings.ANYMAIL = {"WEBHOOK_SECRET": ""}
        assert _postmark(":", **told).status_code == 403
        assert not Report.objects.exists()

    @pytest.mark.parametrize(("path", "status"), [("postmark", 422), ("mailgun", 404), ("nobody", 404)])
    def test_nonsense_is_no_error_of_ours(self, path, status):
        headers = {"authorization": "Basic " + base64.b64encode(b"esp:secret").decode()}
        url = f"/webhooks/email/{path}/tracking/"
        assert Browser().post(url, "{", content_type="application/json", headers=headers).status_code == status
