"""What e-mail services report, in the words of each: the same to us whoever says it (contract §2, semantics §21, §26).

Payloads are written after each service's documentation of its webhooks.
"""

import base64
import hmac
import json
from hashlib import md5, sha256
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from loyalty.models import Event
from messaging.models import EspAccount, Report, Suppression, Touch
from messaging.services import reports, touches
from tests.messaging.test_provider_webhooks import _refused, _sent

pytestmark = pytest.mark.django_db

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
URL = "https://shop.example/offer"
KEY = "key-of-the-account"


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": "esp:secret"}
    settings.PUBLIC_URL = "https://loyalty.example"


def mailgun(deed: str, message: Any) -> dict[str, Any]:
    event = {
        "id": "e1", "timestamp": timezone.now().timestamp(), "recipient": message.address,
        "message": {"headers": {"message-id": message.provider_id.strip("<>"), "to": message.address}},
        "user-variables": {},
    }  # fmt: skip
    client = {"client-type": "browser", "user-agent": AGENT}
    event |= {
        "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
        "opened": {"event": "opened", "client-info": client},
        "proxy": {"event": "opened", "client-info": client | {"bot": "apple"}},
        "clicked": {"event": "clicked", "url": URL, "client-info": client},
        "hard": {"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550}},
        "soft": {"event": "failed", "severity": "temporary", "reason": "generic", "delivery-status": {"code": 452}},
        "complained": {"event": "complained"},
        "unsubscribed": {"event": "unsubscribed"},
    }[deed]
    signed = {"timestamp": "1770000000", "token": "t" * 50}
    signed["signature"] = hmac.new(KEY.encode(), f"1770000000{'t' * 50}".encode(), sha256).hexdigest()
    return {"signature": signed, "event-data": event}


def sendgrid(deed: str, message: Any) -> list[dict[str, Any]]:
    event = {
        "email": message.address, "timestamp": int(timezone.now().timestamp()), "sg_event_id": "e1",
        "sg_message_id": "m1.filter", "anymail_id": message.provider_id,
    }  # fmt: skip
    said: dict[str, dict[str, Any]] = {
        "delivered": {"event": "delivered", "response": "250 OK"},
        "opened": {"event": "open", "useragent": AGENT, "sg_machine_open": False},
        "proxy": {"event": "open", "useragent": "Mozilla/5.0", "sg_machine_open": True},
        "clicked": {"event": "click", "useragent": AGENT, "url": URL},
        "hard": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 no such user"},
        "soft": {"event": "bounce", "type": "blocked", "status": "4.7.1", "reason": "451 try later"},
        "complained": {"event": "spamreport"},
        "unsubscribed": {"event": "unsubscribe"},
    }
    return [event | said[deed]]


def postmark(deed: str, message: Any) -> dict[str, Any]:
    at = timezone.now().isoformat()
    event = {"MessageID": message.provider_id, "Recipient": message.address, "Email": message.address, "Metadata": {}}
    said: dict[str, dict[str, Any]] = {
        "delivered": {"RecordType": "Delivery", "DeliveredAt": at, "Details": "OK"},
        "opened": {"RecordType": "Open", "ReceivedAt": at, "UserAgent": AGENT, "FirstOpen": True},
        "proxy": {"RecordType": "Open", "ReceivedAt": at, "UserAgent": "Mozilla/5.0"},
        "clicked": {"RecordType": "Click", "ReceivedAt": at, "UserAgent": AGENT, "OriginalLink": URL},
        "hard": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "BouncedAt": at, "Details": "550"},
        "soft": {"RecordType": "Bounce", "Type": "SoftBounce", "TypeCode": 4096, "BouncedAt": at},
        "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512, "BouncedAt": at},
        "unsubscribed": {
            "RecordType": "SubscriptionChange", "ChangedAt": at, "SuppressSending": True,
            "SuppressionReason": "ManualSuppression", "Origin": "Recipient",
        },
    }  # fmt: skip
    return event | said[deed]


def brevo(deed: str, message: Any) -> dict[str, Any]:
    event = {
        "id": 1, "email": message.address, "message-id": message.provider_id,
        "ts_epoch": int(timezone.now().timestamp() * 1000),
    }  # fmt: skip
    said: dict[str, dict[str, Any]] = {
        "delivered": {"event": "delivered"},
        "opened": {"event": "unique_opened"},
        "proxy": {"event": "unique_proxy_open"},
        "clicked": {"event": "click", "link": URL},
        "hard": {"event": "hard_bounce", "reason": "550 no such user"},
        "soft": {"event": "soft_bounce", "reason": "452 mailbox full"},
        "complained": {"event": "spam"},
        "unsubscribed": {"event": "unsubscribe"},
    }
    return event | said[deed]


def mailjet(deed: str, message: Any) -> list[dict[str, Any]]:
    event = {
        "time": int(timezone.now().timestamp()), "MessageID": int(message.provider_id), "email": message.address,
        "Payload": "", "customcampaign": "",
    }  # fmt: skip
    bounce = {"event": "bounce", "error_related_to": "recipient", "blocked": False}
    said: dict[str, dict[str, Any]] = {
        "delivered": {"event": "sent", "smtp_reply": "250 OK"},
        "opened": {"event": "open", "agent": AGENT},
        "proxy": {
            "event": "open",
            "agent": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        },
        "clicked": {"event": "click", "agent": AGENT, "url": URL},
        "hard": bounce | {"hard_bounce": True, "error": "user unknown"},
        "soft": bounce | {"hard_bounce": False, "error": "quota exceeded"},
        "complained": {"event": "spam", "source": "JMRPP"},
        "unsubscribed": {"event": "unsub", "mj_list_id": 1},
    }
    return [event | said[deed]]


def unisender_go(deed: str, message: Any) -> bytes:
    event = {
        "job_id": message.provider_id, "metadata": {}, "email": message.address,
        "event_time": timezone.now().strftime("%Y-%m-%d %H:%M:%S"),
    }  # fmt: skip
    said: dict[str, dict[str, Any]] = {
        "delivered": {"status": "delivered", "delivery_info": {"delivery_status": "ok_delivered"}},
        "opened": {"status": "opened", "delivery_info": {"user_agent": AGENT}},
        "proxy": {"status": "opened", "delivery_info": {"user_agent": "Mozilla/5.0"}},
        "clicked": {"status": "clicked", "url": URL, "delivery_info": {"user_agent": AGENT}},
        "hard": {"status": "hard_bounced", "delivery_info": {"delivery_status": "err_user_unknown"}},
        "soft": {"status": "soft_bounced", "delivery_info": {"delivery_status": "err_mailbox_full"}},
        "complained": {"status": "spam"},
        "unsubscribed": {"status": "unsubscribed"},
    }
    status = {"event_name": "transactional_email_status", "event_data": event | said[deed]}
    body = json.dumps({"auth": KEY, "events_by_user": [{"user_id": 1, "events": [status]}]}).encode()
    return body.replace(KEY.encode(), md5(body).hexdigest().encode())


def amazon_ses(deed: str, message: Any) -> dict[str, Any]:
    who = {"emailAddress": message.address}
    said: dict[str, dict[str, Any]] = {
        "delivered": {"eventType": "Delivery", "delivery": {"recipients": [message.address], "smtpResponse": "250"}},
        "opened": {"eventType": "Open", "open": {"userAgent": AGENT}},
        "proxy": {"eventType": "Open", "open": {"userAgent": "Mozilla/5.0"}},
        "clicked": {"eventType": "Click", "click": {"userAgent": AGENT, "link": URL}},
        "hard": {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [who]},
        },
        "soft": {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull", "bouncedRecipients": [who]},
        },
        "complained": {"eventType": "Complaint", "complaint": {"complainedRecipients": [who]}},
    }
    mail = {"messageId": message.provider_id, "destination": [message.address], "headers": []}
    return {
        "Type": "Notification", "MessageId": "n1", "TopicArn": "arn:aws:sns:eu-west-1:1:ses",
        "Timestamp": timezone.now().isoformat(), "Message": json.dumps(said[deed] | {"mail": mail}),
    }  # fmt: skip


SERVICES = {one.__name__: one for one in (mailgun, sendgrid, postmark, brevo, mailjet, unisender_go, amazon_ses)}
every_service = pytest.mark.parametrize("service", SERVICES)


def post(service: str, body: Any, auth: str = "esp:secret") -> int:
    headers = {"authorization": "Basic " + base64.b64encode(auth.encode()).decode()}
    if service == "amazon_ses" and isinstance(body, dict):
        headers |= {"x-amz-sns-message-type": str(body.get("Type")), "x-amz-sns-message-id": str(body.get("MessageId"))}
    raw = body if isinstance(body, bytes) else json.dumps(body)
    answer = Browser().post(
        f"/webhooks/email/{service}/tracking/", raw, content_type="application/json", headers=headers
    )
    reports.apply(timezone.now())
    return answer.status_code


@pytest.fixture
def said(request):
    """A message of ours, once the service has told of it."""
    for name, option in (("mailgun", "webhook_signing_key"), ("unisender_go", "api_key")):
        # Keys are the account's, as staff typed them.
        EspAccount.objects.create(
            name=name, channel="email", service=name, from_email="a@b.c", options=f"{option} = {KEY}"
        )

    def tell(service: str, *deeds: str) -> Any:
        provider_id = {"mailgun": "<1.2@mg.shop.example>", "mailjet": "19421777835146490"}.get(service, "id-1")
        message = _sent(channel="email", provider_id=provider_id)
        for deed in deeds:
            assert post(service, SERVICES[service](deed, message)) == 200
        message.refresh_from_db()
        return message

    return tell


@every_service
class TestEveryService:
    def test_delivered(self, said, service):
        message = said(service, "delivered", "delivered")
        assert (message.status, bool(message.delivered_at)) == ("delivered", True)
        assert Event.objects.get().name == "message.delivered"

    def test_an_open_and_a_click_are_a_persons(self, said, service):
        message = said(service, "opened", "clicked")
        touches.fold(timezone.now())
        message.refresh_from_db()
        assert message.first_opened_at
        assert message.first_clicked_at
        names = set(Event.objects.values_list("name", flat=True))
        assert names == {"message.opened", "message.clicked"}
        assert Event.objects.get(name="message.clicked").payload["link"] == URL

    def test_an_open_by_a_privacy_proxy_is_counted_apart(self, said, service):
        message = said(service, "proxy")
        assert Touch.objects.get().who == "proxy"
        touches.fold(timezone.now())
        message.refresh_from_db()
        assert (message.first_opened_at, message.proxy_opens) == (None, 1)

    def test_a_hard_bounce_suppresses_the_address(self, said, service):
        message = said(service, "delivered", "hard")
        assert (message.status, message.reason) == ("failed", "undelivered")
        assert Suppression.objects.get().address == message.address
        assert Event.objects.filter(name="message.failed").exists()

    def test_a_soft_bounce_does_not(self, said, service):
        said(service, "soft")
        assert not Suppression.objects.exists()

    def test_a_complaint_suppresses_and_takes_consent_back(self, said, service):
        message = said(service, "complained")
        assert Suppression.objects.get().address == message.address
        assert _refused(message.client, "email") in ("no_consent", "suppressed")
        assert Event.objects.get().name == "message.unsubscribed"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"[1]", b'{"event": 5}', b"null", b"\xff"])
    def test_nonsense_is_no_error_of_ours(self, said, service, body):
        assert post(service, body) in (200, 400, 422)
        assert not Report.objects.exists()

    def test_without_the_secret_nothing_is_heard(self, said, service):
        message = _sent(channel="email", provider_id="19421777835146490")
        assert post(service, SERVICES[service]("hard", message), "esp:wrong") == 400
        assert not Suppression.objects.exists()


# Amazon SES keeps no lists of its own: links lead to us.
@pytest.mark.parametrize("service", [name for name in SERVICES if name != "amazon_ses"])
def test_who_unsubscribes_there_has_unsubscribed_here(said, service):
    message = said(service, "unsubscribed")
    assert _refused(message.client, "email") == "no_consent"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("service", ["mailgun", "unisender_go"])
def test_what_another_key_signed_is_not_heard(said, service):
    EspAccount.objects.update(options=f"webhook_signing_key = other\napi_key = other-{KEY}")
    message = _sent(channel="email", provider_id="19421777835146490")
    assert post(service, SERVICES[service]("hard", message)) == 400
    assert not Suppression.objects.exists()


def test_a_topic_is_confirmed_at_amazon_alone(said):
    told = {"Type": "SubscriptionConfirmation", "MessageId": "n1", "Token": "t"}
    for url in (
        "http://169.254.169.254/",
        "https://sns.evil.example/?x",
        "https://sns.eu-west-1.amazonaws.com@evil/?x",
    ):
        assert post("amazon_ses", told | {"SubscribeURL": url}) == 400
