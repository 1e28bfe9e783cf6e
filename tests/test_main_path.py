"""The main job on real input: a cart left behind in a real shop's own words, to a message, bonuses and a segment."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from config.env import ROOT
from loyalty.models import Cart, Client, Event, Source
from loyalty.services import ledger
from messaging.models import Message, SinkEmail
from scenarios.models import RunLog, ScenarioRun
from scenarios.services import demo
from segments.models import Membership

SAMPLES = ROOT.parent / "shared" / "samples" / "webhooks" / "shopify"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not SAMPLES.exists(), reason="the folder of real samples is not beside this checkout"),
]

# The cart of the documentation names its token "exampleCartId"; the checkout's is another: made one.
TOKEN = "68778783ad298f1c80c3bafcddeea02f"


@pytest.fixture(autouse=True)
def _shop(settings):
    settings.EMAIL_BACKEND = "messaging.channels.sink.EmailBackend"
    call_command("demo", clients=0, stdout=StringIO())


def _sample(name: str) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def _post(client, topic: str, body: dict[str, Any], at: datetime, secret: str | None = None) -> int:
    raw = json.dumps(body).encode()
    secret = secret or Source.objects.get(slug="demo-shopify").secret
    signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    answer = client.post(
        "/webhooks/shopify/demo-shopify/",
        raw,
        content_type="application/json",
        headers={
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Webhook-Id": hashlib.sha256(raw + topic.encode()).hexdigest(),
            "X-Shopify-Triggered-At": at.isoformat(),
        },
    )
    return answer.status_code


def _cart() -> dict[str, Any]:
    return _sample("carts_create") | {"id": TOKEN, "token": TOKEN}


def _checkout(agreed: bool) -> dict[str, Any]:
    checkout = _sample("checkouts")["checkouts"][0]
    assert checkout["cart_token"] == TOKEN
    checkout["buyer_accepts_marketing"] = checkout["customer"]["accepts_marketing"] = agreed
    return checkout


def _tick(now: datetime) -> str:
    out = StringIO()
    call_command("tick", now=now.isoformat(), stdout=out)
    return out.getvalue()


def _leave_a_cart(client, agreed: bool) -> datetime:
    start = timezone.now()
    assert _post(client, "carts/create", _cart(), start) == 200
    assert Event.objects.get(name="cart.updated").client is None
    assert _post(client, "checkouts/create", _checkout(agreed), start) == 200
    return timezone.now()


def test_a_cart_left_behind_brings_an_email_an_sms_bonuses_and_a_segment(client):
    now = _leave_a_cart(client, agreed=True)
    bob, cart = Client.objects.get(), Cart.objects.get(token=TOKEN)
    assert (bob.email, bob.phone, cart.client) == ("bob.norman@hostmail.com", "+15556251199", bob)
    assert set(Event.objects.filter(client=bob).values_list("name", flat=True)) >= {"cart.updated", "checkout.started"}

    _tick(now)
    assert not Message.objects.exists()
    later = now + timedelta(seconds=demo.DELAY + 1)
    _tick(later)
    _tick(later + timedelta(seconds=1))

    log = RunLog.objects.select_related("message", "client").order_by("id")
    assert [(line.kind, line.message and line.message.channel, line.bonuses) for line in log] == [
        ("entered", None, None),
        ("step", "email", None),
        ("step", "sms", None),
        ("step", None, 300),
        ("step", None, None),
        ("ended", None, None),
    ]
    assert {line.client.phone for line in log} == {"+15556251199"}
    assert set(Message.objects.values_list("status", flat=True)) == {"accepted"}
    # The cart's own news is of 2022, the checkout's of 2012: the newer state of the cart counts.
    assert "Example T-Shirt - Small, 3 pcs" in SinkEmail.objects.get().body
    assert ledger.balance(bob.pk, later).available == 300
    assert Membership.objects.get(segment__slug=demo.SEGMENT).client == bob


def test_without_consent_nothing_is_sent_and_the_log_says_why(client):
    now = _leave_a_cart(client, agreed=False)
    _tick(now + timedelta(seconds=demo.DELAY + 1))
    assert set(Message.objects.values_list("status", "reason")) == {("withheld", "no_consent")}
    assert set(RunLog.objects.filter(message__isnull=False).values_list("reason", flat=True)) == {"no_consent"}
    assert not SinkEmail.objects.exists()


def test_an_order_before_the_due_time_prevents_it_and_the_log_says_so(client):
    now = _leave_a_cart(client, agreed=True)
    order = _sample("order")["order"]
    assert order["cart_token"] == TOKEN
    assert _post(client, "orders/create", order, now) == 200
    _tick(now + timedelta(seconds=demo.DELAY + 1))
    assert not ScenarioRun.objects.exists()
    assert not Message.objects.exists()
    refusal = RunLog.objects.get()
    assert (refusal.kind, refusal.reason) == ("refused", "happened")
    assert refusal.detail.startswith("order.created")


def test_everything_delivered_twice_is_one_of_each(client):
    start = timezone.now()
    for _ in range(2):
        assert _post(client, "carts/create", _cart(), start) == 200
        assert _post(client, "checkouts/create", _checkout(agreed=True), start) == 200
    for seconds in (11, 12, 13):
        _tick(timezone.now() + timedelta(seconds=demo.DELAY + seconds))
    assert Message.objects.count() == 2
    assert ScenarioRun.objects.count() == 1


def test_a_forged_signature_stores_nothing(client):
    assert _post(client, "carts/create", _cart(), timezone.now(), secret="forged") == 401
    assert not Event.objects.exists()
    assert not Cart.objects.exists()
