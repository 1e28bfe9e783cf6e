"""E-mail through services with an API of their own."""

import pytest

from messaging.models import EspAccount, Suppression
from tests import builders as b
from tests.messaging.http_sink import HttpSink
from tests.messaging.sending import queue, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink(settings):
    settings.WEBHOOK_ALLOW = ["127.0.0.1"]
    with HttpSink((200, {}, {"status": "success", "job_id": "j1", "emails": ["to@example.com"]})) as server:
        yield server


def _account(sink):
    return EspAccount.objects.create(
        name="Unisender",
        channel="email",
        service="unisender_go",
        from_email="Shop <shop@example.com>",
        options=f"api_key = k\napi_url = {sink.url}/api/v1",
    )


def _message():
    return queue(b.client(email="to@example.com"), "email")


def test_a_message_leaves_with_its_number(sink):
    _account(sink)
    message = sent(_message())
    assert message.status == "accepted"
    assert message.provider_id
    told = sink.calls[0].json()["message"]
    assert told["from_email"] == "shop@example.com"
    assert told["subject"] == "Subject"
    assert told["recipients"][0]["email"] == "to@example.com"
    assert str(message.pk) in str(told["global_metadata"])


def test_an_address_that_the_service_refuses_is_suppressed(sink):
    _account(sink)
    sink.answers = [
        (200, {}, {"status": "success", "job_id": "j", "emails": [], "failed_emails": {"to@example.com": "invalid"}})
    ]
    assert sent(_message()).status == "failed"
    assert Suppression.objects.get().address == "to@example.com"


@pytest.mark.parametrize(
    ("answer", "status"),
    [((429, {"Retry-After": "5"}, {}), "queued"), ((500, {}, {}), "queued"), ((400, {}, {}), "failed")],
)
def test_what_statuses_mean(sink, answer, status):
    _account(sink)
    sink.answers = [answer]
    assert sent(_message()).status == status
    assert not Suppression.objects.exists()


def test_an_address_inside_is_not_called(sink, settings):
    settings.WEBHOOK_ALLOW = []
    _account(sink)
    assert "not a public address" in sent(_message()).error
    assert sink.calls == []


def test_an_account_that_cannot_be_used_stops_only_itself(sink):
    account = _account(sink)
    account.options = "no equals sign"
    account.save()
    other = queue(b.client(), "sms")
    message = sent(_message())
    assert (message.status, "settings" in message.error) == ("queued", True)
    other.refresh_from_db()
    assert other.status == "accepted"
