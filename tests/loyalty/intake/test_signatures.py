"""Who really sent it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from loyalty.intake import shop, shopify, woocommerce
from tests.loyalty.intake.sending import SAMPLES, WHSEC, needs_samples, signature

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def vector(scheme: str) -> dict[str, str]:
    """A scheme's own test vector."""
    vectors = json.loads((SAMPLES / "signatures" / "vectors.json").read_text())
    return next(each for each in vectors if each["scheme"] == scheme)


@needs_samples
def test_the_vector_of_standard_webhooks_holds() -> None:
    known = vector("standard-webhooks")
    headers = {
        "webhook-id": known["id"],
        "webhook-timestamp": known["timestamp"],
        "webhook-signature": known["signature"],
    }
    at = datetime.fromtimestamp(int(known["timestamp"]), UTC)
    raw = known["body"].encode()
    assert shop.signed(raw, headers, known["secret"], at)
    assert not shop.signed(raw + b" ", headers, known["secret"], at)
    assert not shop.signed(raw, headers | {"webhook-id": "another"}, known["secret"], at)
    assert not shop.signed(raw, headers, known["secret"], at + timedelta(minutes=6))
    assert not shop.signed(raw, headers, known["secret"], at - timedelta(minutes=6))


@needs_samples
def test_the_vector_of_shopify_holds() -> None:
    known = vector("shopify")
    raw = known["body"].encode()
    headers = {"x-shopify-hmac-sha256": known["signature"]}
    assert shopify.signed(raw, headers, known["secret"], AT)
    assert not shopify.signed(raw + b" ", headers, known["secret"], AT)
    assert not shopify.signed(raw, headers, known["secret"] + "x", AT)


def test_the_library_and_we_sign_alike_while_secrets_rotate() -> None:
    made = Webhook(WHSEC).sign("msg_1", AT, "тело")
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(AT.timestamp())), "webhook-signature": made}
    assert shop.signed("тело".encode(), headers, WHSEC, AT)
    headers["webhook-signature"] = f"v1,AAAA v1a,BBBB {made}"
    assert shop.signed("тело".encode(), headers, WHSEC, AT)


def test_woocommerce_signs_the_body() -> None:
    raw = b'{"id": 1}'
    assert woocommerce.signed(raw, {"x-wc-webhook-signature": signature("s", raw)}, "s", AT)
    assert not woocommerce.signed(raw, {"x-wc-webhook-signature": signature("s", raw + b"x")}, "s", AT)


@pytest.mark.parametrize("forged", ["", "AAAA", "не base64", "v1", "v1,", "v1,AAAA", "v1,не", "=", "\x80"])
def test_no_forged_signature_passes_or_breaks_the_check(forged: str) -> None:
    raw = b"{}"
    stamp = str(int(AT.timestamp()))
    headers = {"webhook-id": "m", "webhook-timestamp": stamp, "webhook-signature": forged}
    assert not shop.signed(raw, headers, WHSEC, AT)
    assert not shopify.signed(raw, {"x-shopify-hmac-sha256": forged}, "hush", AT)
    assert not woocommerce.signed(raw, {"x-wc-webhook-signature": forged}, "hush", AT)


@pytest.mark.parametrize("stamp", ["", "now", "inf", "nan", "1e9", "9" * 500, "-1"])
def test_a_strange_timestamp_is_no_signature(stamp: str) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": stamp, "webhook-signature": "v1,AAAA"}
    assert not shop.signed(b"{}", headers, WHSEC, AT)


def test_without_a_secret_nothing_is_genuine() -> None:
    raw = b"{}"
    assert not shopify.signed(raw, {"x-shopify-hmac-sha256": signature("", raw)}, "", AT)
    assert not shop.signed(raw, {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,A"}, "", AT)
