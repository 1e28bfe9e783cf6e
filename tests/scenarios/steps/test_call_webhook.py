"""Calling a webhook: queued with the run, made at least once, signed, tried again, given up visibly."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from loyalty.models import Event
from scenarios.engine import webhooks
from scenarios.engine.webhooks import BACKOFF
from scenarios.models import CallWebhook, RunLog, WebhookCall, WebhookEndpoint
from scenarios.services import problems, transfer
from scenarios.steps import json_body
from tests import builders as b
from tests.builders import NOW
from tests.scenarios.web_sink import WebSink

pytestmark = pytest.mark.django_db

BODY = '{"who": "{{ client.first_name }}", "points": "{{ entry.points | json }}", "fixed": [1, null, true]}'


@pytest.fixture
def sink(settings):
    settings.WEBHOOK_ALLOW = ["127.0.0.1"]
    with WebSink() as sink:
        yield sink


@pytest.fixture
def endpoint(sink):
    return WebhookEndpoint.objects.create(
        name="CRM", slug="crm", url=sink.url, secret=webhooks.new_secret(),
        headers=webhooks.endpoint_headers("Authorization: Bearer s3cret"),
    )  # fmt: skip


def _draft(endpoint, body=BODY):
    draft = b.scenario()
    b.add(CallWebhook, b.trunk(draft), endpoint=endpoint, body=body)
    return draft


def test_the_other_system_gets_a_signed_call_with_its_headers(walk, again, sink, endpoint):
    anna = b.client(first_name='Anna", "admin": true')
    walk(_draft(endpoint), anna, payload={"points": 25})
    call = WebhookCall.objects.get()
    now = timezone.now()
    assert webhooks.call_due(now) == 1
    assert webhooks.call_due(now) == 0
    path, headers, body = sink.requests[0]
    # A name cannot change the shape of the document.
    assert json.loads(body) == {"who": 'Anna", "admin": true', "points": 25, "fixed": [1, None, True]}
    assert (path, headers["authorization"], headers["webhook-id"]) == ("/hook?a=1", "Bearer s3cret", call.webhook_id())
    assert Webhook(endpoint.secret).verify(body, headers) == json.loads(body)
    call.refresh_from_db()
    assert (call.state, call.status, call.tries, call.error) == ("delivered", 200, 1, "")
    again()
    assert WebhookCall.objects.count() == 1


def test_a_failing_call_is_tried_again_under_the_same_id_as_patiently_as_asked(walk, sink, endpoint):
    walk(_draft(endpoint, '{"a": 1}'), b.client())
    sink.answers = [(500, {}, b""), (429, {"Retry-After": "7200"}, b"")]
    webhooks.call_due(NOW)
    assert WebhookCall.objects.get().due_at == NOW + BACKOFF[0]
    webhooks.call_due(NOW + BACKOFF[0])
    assert WebhookCall.objects.get().due_at == NOW + BACKOFF[0] + timedelta(hours=2)
    webhooks.call_due(NOW + timedelta(days=1))
    assert WebhookCall.objects.get().state == "delivered"
    assert len({headers["webhook-id"] for _path, headers, _body in sink.requests}) == 1
    assert len(sink.requests) == 3


def test_a_call_that_never_succeeds_is_a_problem_that_staff_can_try_again(walk, sink, endpoint):
    walk(_draft(endpoint, '{"a": 1}'), b.client())
    sink.answers = [(500, {}, b"")] * (len(BACKOFF) + 1)
    now = NOW
    for wait in [*BACKOFF, timedelta(0)]:
        webhooks.call_due(now)
        now += wait
    call = WebhookCall.objects.get()
    assert (call.state, call.status, call.error) == ("failed", 500, "HTTP 500")
    line = RunLog.objects.get(kind="failure")
    assert (line.reason, line.detail, line.run_id) == ("webhook_failed", "HTTP 500", call.run_id)
    assert problems.find(now).webhooks == 1
    webhooks.again([call], now)
    webhooks.call_due(now)
    assert problems.find(now).webhooks == 0


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://10.1.2.3/", "http://[::1]/", "gone"])
def test_a_call_that_cannot_succeed_fails_at_once(walk, sink, endpoint, url):
    if url == "gone":
        sink.answers = [(410, {}, b"")]
    else:
        WebhookEndpoint.objects.update(url=url)
    walk(_draft(endpoint, '{"a": 1}'), b.client())
    webhooks.call_due(NOW)
    assert WebhookCall.objects.get().state == "failed"
    assert len(sink.requests) == (url == "gone")


def test_a_caller_that_died_leaves_a_call_that_is_made_again(walk, sink, endpoint):
    walk(_draft(endpoint, '{"a": 1}'), b.client())
    webhooks._claim(NOW)  # and nothing more: it was killed
    assert webhooks.call_due(NOW + webhooks.LEASE - timedelta(seconds=1)) == 0
    assert webhooks.call_due(NOW + webhooks.LEASE) == 1
    assert WebhookCall.objects.get().state == "delivered"


def test_an_answer_that_is_an_object_is_an_event_of_the_client(walk, sink, endpoint):
    people = b.clients(3)
    walk(_draft(endpoint, '{"a": 1}'), *people)
    sink.answers = [(200, {}, b'{"ok": true}'), (200, {}, b"[1]"), (200, {}, b"<html>")]
    webhooks.call_due(NOW)
    event = Event.objects.get(name="webhook.answered")
    assert (event.payload["webhook"], event.payload["answer"], event.depth) == ("crm", {"ok": True}, 1)
    assert event.client in people


def test_secrets_are_encrypted_and_in_no_release_and_no_file(endpoint, walk):
    draft = _draft(endpoint)
    walk(draft, b.client())
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret || headers FROM scenarios_webhookendpoint")
        stored = cursor.fetchone()[0]
    said = stored + json.dumps(draft.live_release.snapshot) + transfer.export(draft)
    assert "s3cret" not in said
    assert endpoint.secret not in said


def test_a_text_that_fails_makes_no_call_and_is_logged(walk, endpoint):
    walk(_draft(endpoint), b.client())  # the event has no points
    assert not WebhookCall.objects.exists()
    assert RunLog.objects.get(kind="step").reason == "render_failed"


@pytest.mark.parametrize(
    "body", ["", "{", '{"a": {{ client.id }}}', '{"a": "{{ x"}', '{"a": "{{ nobody.x }}"}', "[" * 100_000]
)
def test_a_body_that_is_no_json_or_no_template_is_refused(endpoint, body):
    with pytest.raises(ValidationError) as wrong:
        CallWebhook(endpoint=endpoint, body=body).clean()
    assert "body" in wrong.value.message_dict


def test_the_filter_json_gives_what_is_no_text():
    values = {"cart": {"lines": [{"title": "Cup"}]}, "n": 5}
    source = '{"a": "{{ cart.lines | json }}", "b": "{{ n | json }}", "c": "n = {{ n | json }}"}'
    assert json.loads(json_body.fill(source, values)) == {"a": [{"title": "Cup"}], "b": 5, "c": "n = 5"}


@pytest.mark.parametrize(
    "line",
    ["Authorization", "X Y: 1", ": 1", "X:", "Host: a", "webhook-id: 1", "Content-Length: 1", "X: a\x00b", "Ж: 1"],
)
def test_a_header_that_cannot_be_sent_is_refused_with_its_line(line):
    with pytest.raises(ValueError, match="^2:"):
        webhooks.endpoint_headers(f"X-Good: 1\n{line}")
