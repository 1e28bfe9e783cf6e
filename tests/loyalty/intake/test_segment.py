"""Segment's tracking API."""

import gzip
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Http
from django.utils import timezone

from loyalty.models import Cart, Client, Consent, Event, Order, Product, RefusedDelivery
from loyalty.services import refused
from tests.loyalty.intake.sending import SAMPLES, call, needs_samples, sample, source, track

pytestmark = pytest.mark.django_db


def batch(*items: Any, **more: Any) -> dict[str, Any]:
    """A batch."""
    return {"batch": list(items)} | more


def names() -> list[str]:
    """The names of all events, in order."""
    return list(Event.objects.order_by("id").values_list("name", flat=True))


@needs_samples
def test_every_true_sample_is_taken_under_our_name() -> None:
    site = source("segment")
    expected = {
        "cart_viewed": ["cart.viewed"],
        "checkout_started": ["checkout.started"],
        "order_cancelled": ["order.cancelled"],
        "order_completed": ["order.created", "order.paid"],
        "order_refunded": ["order.refunded"],
        "product_added": ["cart.updated"],
        "product_list_viewed": ["category.viewed"],
        "product_removed": ["cart.updated"],
        "product_reviewed": ["review.created"],
        "product_viewed": ["product.viewed"],
        "products_searched": ["search.performed"],
    }
    assert {path.stem for path in (SAMPLES / "segment").glob("*.json")} == expected.keys()
    for name, ours in expected.items():
        before = Event.objects.count()
        item = sample(f"segment/{name}.json") | {"anonymousId": "a", "messageId": name}
        assert call(site, batch(item)).json() == {"success": True, "accepted": 1, "rejected": []}
        assert names()[before:] == ours
    assert Product.objects.filter(external_id="507f1f77bcf86cd799439011", title="Monopoly: 3rd Edition").exists()
    order = Order.objects.get()
    assert (order.total, order.currency, order.status) == (2750, "USD", "cancelled")


def test_a_bad_item_never_fails_its_batch() -> None:
    site = source("segment")
    items = [
        track("Good", "m0"),
        {"type": "dance", "userId": "u", "messageId": "m1"},
        track("Nobody", "m2", anonymousId=None),
        track("Product Viewed", "m3", properties={"product_id": "p", "price": -1}),
        track("From the future", "m4", timestamp=(timezone.now() + timedelta(hours=1)).isoformat()),
        track("Year 0", "m5", timestamp="0000-01-01T00:00:00Z"),
        track("Year 9999", "m6", timestamp="9999-12-31T23:59:59Z"),
        track("Order Completed", "m7", properties={"order_id": "o", "currency": "BTC"}),
        track("Nul", "m8", properties={"a": "b\0"}),
        "not even an object",
        track("bonus.accrued", "m10"),
        track("Good", "m11"),
    ]
    answer = call(site, batch(*items))
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    reasons = {rejected["index"]: (rejected["messageId"], rejected["reason"]) for rejected in answer.json()["rejected"]}
    assert sorted(reasons) == list(range(1, 11))
    assert reasons[3] == ("m3", "properties.price: must not be negative")
    assert reasons[7] == ("m7", "properties.currency: is not a known currency")
    assert reasons[8][1] == "properties.a: contains a NUL character"
    assert names() == ["good", "good"]
    assert RefusedDelivery.objects.count() == 10
    assert not Client.objects.exists()
    call(site, batch(*items))
    assert (Event.objects.count(), RefusedDelivery.objects.count()) == (2, 10)


def test_a_refused_item_can_be_replayed_once_its_cause_is_gone() -> None:
    site = source("segment")
    call(site, batch(track("Order Completed", "m1", userId="u", properties={"order_id": "o", "currency": "XQZ"})))
    kept = RefusedDelivery.objects.get()
    kept.body = kept.body.replace("XQZ", "EUR")
    refused.replay(kept, timezone.now())
    assert names() == ["order.created", "order.paid"]
    assert RefusedDelivery.objects.get().replayed_at


def test_message_ids_make_replays_harmless() -> None:
    site = source("segment")
    for _ in range(2):
        assert call(site, batch(track("A", "m1"), track("B", "m1"), track("C", "m2"))).json()["accepted"] == 3
    assert names() == ["a", "c"]


def test_without_a_message_id_the_item_itself_is_its_id() -> None:
    site = source("segment")
    item = track("A", properties={"x": 1, "y": 2})
    call(site, batch(item, sentAt=timezone.now().isoformat()))
    call(site, batch(dict(reversed(item.items())), sentAt=(timezone.now()).isoformat()))
    call(site, batch(track("A", properties={"x": 1, "y": 3})))
    assert len(names()) == 2


def test_the_thank_you_page_may_be_reloaded() -> None:
    site = source("segment")
    for message in ("m1", "m2"):
        call(site, batch(track("Order Completed", message, properties={"order_id": "o", "total": 5})))
    assert names() == ["order.created", "order.paid"]


def test_identify_joins_what_the_visitor_did() -> None:
    site = source("segment")
    call(site, batch(track("Product Added", "m1", properties={"product_id": "p", "price": "5", "cart_id": "c"})))
    assert not Client.objects.exists()
    traits = {
        "email": "D@Example.com",
        "phone": "+7 921 555-00-11",
        "name": "Dina Example",
        "birthday": "1990-05-31",
        "gender": "female",
        "createdAt": "2024-01-01T00:00:00Z",
        "plan": "gold",
        "email_marketing_consent": False,
        "marketing_consent": True,
    }
    item = {"type": "identify", "userId": 7, "anonymousId": "visitor", "messageId": "m2", "traits": traits}
    call(site, batch(item, context={"timezone": "Asia/Yekaterinburg", "locale": "ru-RU"}))
    client = Client.objects.get()
    assert (client.email, client.first_name, client.last_name) == ("d@example.com", "Dina", "Example")
    assert (client.zone, client.language, client.gender) == ("Asia/Yekaterinburg", "ru-RU", "f")
    assert client.attributes == {"plan": "gold"}
    assert {row.channel: row.granted for row in Consent.objects.all()} == {"email": False, "sms": True}
    assert set(Event.objects.values_list("client", flat=True)) == {client.pk}
    assert Cart.objects.get().client == client


def test_alias_ties_the_visitor_to_the_user() -> None:
    site = source("segment")
    call(site, batch(track("A", "m1")))
    call(site, {"previousId": "visitor", "userId": "u", "messageId": "m2"}, "alias")
    assert set(Event.objects.values_list("client", flat=True)) == {Client.objects.get().pk}


def test_traits_come_in_the_context_too() -> None:
    site = source("segment")
    item = track("A", "m1", context={"traits": {"email": "a@example.com", "accepts_marketing": True}})
    call(site, batch(item))
    assert Client.objects.get().email == "a@example.com"
    assert Consent.objects.filter(granted=True).count() == 2


@pytest.mark.parametrize(
    ("name", "item", "ours"),
    [
        ("track", {"event": "Song Played"}, "song_played"),
        ("identify", {"traits": {"email": "a@example.com"}}, "client.identified"),
        ("page", {"name": "Home", "properties": {"url": "/"}}, "page.viewed"),
        ("screen", {"name": "Home"}, "screen.viewed"),
        ("group", {"groupId": "g", "traits": {"email": "company@example.com"}}, "client.grouped"),
        ("alias", {"previousId": "p"}, "client.identified"),
    ],
)
def test_every_single_call_has_its_event(name: str, item: dict[str, Any], ours: str) -> None:
    answer = call(source("segment"), item | {"userId": "u"}, name)
    assert answer.json() == {"success": True, "accepted": 1, "rejected": []}
    assert names() == [ours]
    assert not Client.objects.filter(email="company@example.com").exists()


def test_the_write_key_may_be_in_the_body_and_is_not_kept() -> None:
    site = source("segment")
    body = track("A", "m1") | {"writeKey": site.write_key}
    assert Http().post("/v1/track", json.dumps(body), content_type="text/plain").status_code == 200
    assert "writeKey" not in (Event.objects.get().raw or {})


def test_a_clock_that_is_off_is_put_right() -> None:
    site = source("segment")
    now = timezone.now()
    ahead = timedelta(hours=3)
    item = track("A", "m1", timestamp=(now + ahead - timedelta(minutes=5)).isoformat())
    call(site, batch(item, sentAt=(now + ahead).isoformat()))
    happened = Event.objects.get().occurred_at
    assert abs(happened - (now - timedelta(minutes=5))) < timedelta(seconds=30)


def test_a_clock_that_is_a_little_off_is_believed() -> None:
    site = source("segment")
    said = (timezone.now() - timedelta(days=3)).replace(microsecond=0)
    call(site, batch(track("A", "m1", timestamp=said.isoformat()), sentAt=timezone.now().isoformat()))
    assert Event.objects.get().occurred_at == said


@pytest.mark.parametrize("sent", ["yesterday", 5, None, [], "0000-00-00"])
def test_an_unreadable_sent_at_is_no_reason_to_lose_a_batch(sent: Any) -> None:
    assert call(source("segment"), batch(track("A", "m1"), sentAt=sent)).json()["accepted"] == 1


def test_ten_thousand_items_are_taken_and_one_more_is_too_many() -> None:
    site = source("segment")
    items = [{"type": "track", "event": "A", "anonymousId": f"v{n % 100}", "messageId": f"m{n}"} for n in range(10_000)]
    assert call(site, batch(*items)).json()["accepted"] == 10_000
    assert Event.objects.count() == 10_000
    answer = call(site, batch(*items, track("B")))
    assert (answer.status_code, answer.json()["field"]) == (413, "batch")


def test_gzip_is_taken_by_header_and_by_its_bytes() -> None:
    site = source("segment")
    for message, headers in (("m1", {"Content-Encoding": "gzip"}), ("m2", {})):
        packed = gzip.compress(json.dumps(batch(track("A", message))).encode())
        assert call(site, packed, **headers).json()["accepted"] == 1
    assert len(names()) == 2


@pytest.mark.parametrize("body", [{}, {"batch": {}}, {"batch": None}, [], "text", 5, None])
def test_json_that_is_no_batch_is_one_rejected_item(body: Any) -> None:
    answer = call(source("segment"), body)
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 0
    assert answer.json()["rejected"][0]["reason"] == "batch: must be a list"


def test_times_are_what_the_client_said() -> None:
    site = source("segment")
    call(site, batch(track("A", "m1", timestamp=1700000000000)))
    assert Event.objects.get().occurred_at == datetime.fromisoformat("2023-11-14T22:13:20+00:00")
