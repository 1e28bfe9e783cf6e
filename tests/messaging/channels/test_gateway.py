"""Any HTTP provider, described by staff: what it is sent and what its answers mean."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from messaging.models import GatewayAccount, Suppression
from tests import builders as b
from tests.builders import NOW
from tests.messaging.http_sink import HttpSink
from tests.messaging.sending import queue, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink(settings):
    settings.WEBHOOK_ALLOW = ["127.0.0.1"]
    with HttpSink() as server:
        yield server


def _gateway(sink, **values):
    return GatewayAccount.objects.create(**{"name": "Gateway", "channel": "sms", "url": f"{sink.url}/send"} | values)


def test_fields_headers_and_secret_reach_the_provider_and_its_id_comes_back(sink):
    body = '{"phone": "{{ digits }}", "parts": [{"text": "{{ text }} {{ other }}"}], "key": "{{ secret }}", "test": 0}'
    _gateway(sink, body=body, secret="s3", headers="X-Key: k\n", id_path="data.0.id")
    sink.usual = (200, {}, {"data": [{"id": 77}]})
    message = sent(queue(b.client(phone="+79990000001"), body='Say "hi"'))
    assert (message.status, message.provider_id) == ("accepted", "77")
    call = sink.calls[0]
    # Text with quotes stays one text; what is no variable of ours is left as it is.
    assert call.json() == {"phone": "79990000001", "parts": [{"text": 'Say "hi" {{ other }}'}], "key": "s3", "test": 0}
    assert (call.method, call.path, call.headers["X-Key"]) == ("POST", "/send", "k")


@pytest.mark.parametrize(("kind", "method"), [("form", "POST"), ("query", "GET")])
def test_fields_go_as_a_form_or_in_the_address(sink, kind, method):
    _gateway(sink, kind=kind, method=method, body='{"to": "{{ to }}", "id": "{{ id }}"}')
    message = sent(queue(b.client()))
    call = sink.calls[0]
    assert (call.form() if kind == "form" else call.query) == {"to": message.address, "id": str(message.pk)}


@pytest.mark.parametrize(
    ("answer", "status", "suppressed"),
    [
        ((200, {}, {"status": "OK"}), "accepted", False),
        ((200, {}, {"status": "LIMIT"}), "queued", False),
        ((200, {}, {"status": "BADPHONE"}), "failed", True),
        ((200, {}, {"status": "SPAM"}), "failed", False),
        ((200, {}, {"status": "never heard of"}), "failed", False),
        ((404, {}, {}), "failed", True),
        ((400, {}, {}), "failed", False),
        ((500, {}, {}), "queued", False),
        ((504, {}, {}), "unknown", False),
    ],
)
def test_what_answers_mean(sink, answer, status, suppressed):
    _gateway(
        sink, code_path="status", fine_codes="OK", later_codes="LIMIT", address_codes="BADPHONE, 404",
        refused_codes="SPAM",
    )  # fmt: skip
    sink.answers = [answer]
    message = sent(queue(b.client()))
    assert (message.status, Suppression.objects.exists()) == (status, suppressed)


def test_retry_after_holds_the_whole_account(sink):
    _gateway(sink)
    sink.answers = [(429, {"Retry-After": "30"}, {})]
    first = sent(queue(b.client()))
    assert (first.status, first.due_at) == ("queued", NOW + timedelta(seconds=30))
    second = sent(queue(b.client()), NOW + timedelta(seconds=29))
    assert (second.status, len(sink.calls)) == ("queued", 1)
    assert sent(second, NOW + timedelta(seconds=31)).status == "accepted"


def test_an_address_inside_is_not_called(sink, settings):
    settings.WEBHOOK_ALLOW = []
    _gateway(sink)
    message = sent(queue(b.client()))
    assert message.status == "queued"
    assert "not a public address" in message.error
    assert sink.calls == []


def test_a_name_that_leads_inside_is_not_called_either(sink, settings):
    settings.WEBHOOK_ALLOW = []
    _gateway(sink, url=sink.url.replace("127.0.0.1", "localhost"))
    assert "not a public address" in sent(queue(b.client())).error
    assert sink.calls == []


def test_no_answer_in_time_is_unknown(sink):
    _gateway(sink, timeout=1)
    sink.slow = 1.3
    assert sent(queue(b.client())).status == "unknown"


@pytest.mark.parametrize(
    ("field", "values"),
    [("body", {"body": "{"}), ("body", {"kind": "form", "body": '{"a": {}}'}), ("headers", {"headers": "no colon"})],
)
def test_what_cannot_be_sent_is_refused_with_the_name_of_the_field(sink, field, values):
    with pytest.raises(ValidationError) as wrong:
        GatewayAccount(name="G", channel="sms", url="https://sms.example/", **values).full_clean()
    assert field in wrong.value.message_dict
