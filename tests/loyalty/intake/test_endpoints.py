"""The answers of contract §2, and what is stored with each: nothing, a row, or everything."""

import gzip
import json

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Http

from loyalty.intake.facts import Refused
from loyalty.intake.webhooks import ADAPTERS
from loyalty.models import Event, RefusedDelivery
from loyalty.services import refused
from tests.builders import NOW
from tests.loyalty.intake.sending import as_bytes, call, post, signed, source, track

CART = {"token": "t", "line_items": [{"product_id": 1, "price": "1.00", "quantity": 1}]}
GENUINE = {
    "shop": (b'{"type": "visit.completed", "client": {"id": "1"}}', ""),
    "shopify": (as_bytes(CART), "carts/create"),
    "woocommerce": (b'{"id": 1, "total": "1.00", "currency": "USD"}', "order.created"),
}
KINDS = sorted(GENUINE)


def stored() -> int:
    """Rows that any delivery may leave."""
    return Event.objects.count() + RefusedDelivery.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_or_missing_signature_stores_nothing(kind: str) -> None:
    to = source(kind)
    url = f"/webhooks/{kind}/{to.slug}/"
    raw, topic = GENUINE[kind]
    headers = signed(kind, raw, topic)
    name = next(name for name in headers if "signature" in name.lower() or "hmac" in name.lower())
    unsigned = {key: value for key, value in headers.items() if key != name}
    forged = headers | {name: signed(kind, raw + b" ", topic)[name]}
    for attempt in (unsigned, forged, headers | {name: "AAAA"}, {}):
        answer = Http().post(url, raw, content_type="application/json", headers=attempt)
        assert answer.status_code == 401
        assert answer.json()["field"] == "signature"
    assert Http().post(url, raw + b" ", content_type="application/json", headers=headers).status_code == 401
    assert stored() == 0
    assert Http().post(url, raw, content_type="application/json", headers=headers).status_code == 200
    assert stored() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_sources_and_wrong_kinds_are_not_found(kind: str) -> None:
    to = source(kind)
    raw, topic = GENUINE[kind]
    other = next(each for each in KINDS if each != kind)
    for url in (f"/webhooks/{kind}/nobody/", f"/webhooks/{other}/{to.slug}/", f"/webhooks/magento/{to.slug}/"):
        answer = Http().post(url, raw, content_type="application/json", headers=signed(kind, raw, topic))
        assert answer.status_code == 404
    assert stored() == 0


@pytest.mark.django_db
def test_only_post_is_allowed() -> None:
    to = source("shop")
    for url in (f"/webhooks/shop/{to.slug}/", "/v1/batch", "/v1/track"):
        assert Http().get(url).status_code == 405
        assert Http().put(url).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_is_switched_off_takes_nothing(kind: str) -> None:
    to = source(kind, active=False)
    raw, topic = GENUINE[kind]
    assert post(to, raw, topic).status_code == 403
    assert stored() == 0


@pytest.mark.django_db
def test_the_last_slash_is_not_needed() -> None:
    to = source("shop")
    raw, _ = GENUINE["shop"]
    answer = Http().post(f"/webhooks/shop/{to.slug}", raw, content_type="application/json", headers=signed("shop", raw))
    assert answer.status_code == 200
    site = source("segment")
    assert call(site, {"batch": [track("A")]}, "batch/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "topic"), [("shopify", "themes/publish"), ("woocommerce", "coupon.created")])
def test_an_unknown_topic_is_kept_raw(kind: str, topic: str) -> None:
    to = source(kind)
    for _ in range(2):
        answer = post(to, b'{"id": 1, "odd": "\\u0000"}', topic, "d1")
        assert (answer.status_code, answer.json()["topic"]) == (202, topic)
    kept = RefusedDelivery.objects.get()
    assert (kept.why, kept.topic, kept.body) == ("unknown", topic, '{"id": 1, "odd": "\\u0000"}')
    assert not Event.objects.exists()
    with pytest.raises(Refused, match="still unknown"):
        refused.replay(kept, NOW)
    kept.refresh_from_db()
    assert (kept.why, kept.replayed_at) == ("unknown", None)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"a": NaN}', b"\x1f\x8bno gzip", b'{"a\\u0000": 1}']
)
def test_a_body_that_is_not_understood_is_kept_as_it_is(kind: str, raw: bytes) -> None:
    to = source(kind)
    first = post(to, raw, GENUINE[kind][1], "d1")
    assert first.status_code == 422
    assert first.json()["reason"]
    assert post(to, raw, GENUINE[kind][1], "d1").json() == first.json()
    kept = RefusedDelivery.objects.get()
    assert kept.why == "refused"
    assert first.json()["reason"] in kept.reason


@pytest.mark.django_db
def test_a_refused_delivery_is_replayed_with_its_headers() -> None:
    to = source("shopify")
    post(to, CART | {"token": ""}, "carts/create", "d1", at="2025-01-01T00:00:00Z")
    kept = RefusedDelivery.objects.get()
    kept.body = json.dumps(CART)
    (recorded,) = refused.replay(kept, NOW)
    assert recorded.new
    kept.refresh_from_db()
    assert kept.replayed_at == NOW
    event = Event.objects.get()
    assert (event.external_id, event.occurred_at.year) == ("d1", 2025)
    assert post(to, CART, "carts/create", "d1").json()["events"] == [{"id": event.pk, "new": False}]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [*KINDS, "segment"])
def test_too_large_is_413_before_and_after_inflating(kind: str) -> None:
    to = source(kind)
    large = b" " * (settings.INTAKE_MAX_BODY + 1)
    for raw in (large, gzip.compress(large)):
        answer = call(to, raw) if kind == "segment" else post(to, raw, GENUINE[kind][1])
        assert (answer.status_code, answer.json()["field"]) == (413, "body")
    assert stored() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000, b'{"batch": [NaN]}', b"\x1f\x8bno gzip"])
def test_a_call_whose_body_is_no_json_is_400(raw: bytes) -> None:
    answer = call(source("segment"), raw)
    assert (answer.status_code, answer.json()["field"]) == (400, "body")
    assert answer.json()["message"]


@pytest.mark.django_db
@pytest.mark.parametrize("authorization", ["", "Basic", "Basic !!!", "Basic d3Jvbmc6", "Bearer x", "Basic /w=="])
def test_a_wrong_write_key_stores_nothing(authorization: str) -> None:
    source("segment")
    for body in ({"batch": [track("A")]}, {"batch": [track("A")], "writeKey": "wrong"}, {"writeKey": 5}, []):
        answer = Http().post(
            "/v1/batch",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": authorization} if authorization else {},
        )
        assert answer.status_code == 401
    assert stored() == 0


@pytest.mark.django_db
def test_a_webhooks_secret_is_no_write_key() -> None:
    to = source("shopify")
    to.write_key = "hush"
    assert call(to, {"batch": []}).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_everything_is_to_be_sent_again() -> None:
    site, shop = source("segment"), source("shop")
    port = connection.settings_dict["PORT"]
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": "1"}
    try:
        answers = [call(site, {"batch": [track("A", "m1")]}), post(shop, *GENUINE["shop"])]
    finally:
        connection.close()
        connection.settings_dict |= {"HOST": host, "PORT": port}
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
    assert stored() == 0
    assert call(site, {"batch": [track("A", "m1")]}).status_code == 200


@pytest.mark.django_db
def test_one_delivery_needs_few_queries(django_assert_max_num_queries: object) -> None:
    site = source("segment")
    items = [track("Song Played", f"m{n}", anonymousId=f"v{n}") for n in range(100)]
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert call(site, {"batch": items}).json()["accepted"] == 100


def test_every_adapter_offers_what_intake_calls() -> None:
    for adapter in ADAPTERS.values():
        assert {"signed", "topic", "delivery_id", "facts"} <= set(dir(adapter))
        assert all(name == name.lower() for name in adapter.KEPT_HEADERS)
