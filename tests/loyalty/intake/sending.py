"""How shops and sites send: plain functions that sign and post as they do."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Http
from django.utils import timezone

from loyalty.models import Source
from loyalty.services import sources
from tests.builders import _numbers

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "webhooks"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = {"shop": WHSEC, "shopify": "hush", "woocommerce": "shh!", "segment": ""}

needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the true samples (../shared/samples) are not beside this checkout"
)


def sample(path: str) -> Any:
    """A true sample, parsed."""
    return json.loads((SAMPLES / path).read_text())


def source(kind: str, slug: str = "", secret: str = "", **values: Any) -> Source:
    """A source of the kind, with the secret that `post` signs with."""
    made = sources.create(kind, slug or f"{kind}-{next(_numbers)}", secret=secret or SECRETS[kind])
    for name, value in values.items():
        setattr(made.source, name, value)
    if values:
        made.source.save()
    made.source.write_key = made.secret or ""
    return made.source


def as_bytes(body: Any) -> bytes:
    """A body as it goes over the wire."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def signature(secret: str, body: bytes) -> str:
    """base64 of HMAC-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def signed(kind: str, body: bytes, topic: str = "", delivery: str = "", at: str = "") -> dict[str, str]:
    """The headers of a genuine delivery."""
    if kind == "shopify":
        headers = {"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature(SECRETS[kind], body)}
        extra = {"X-Shopify-Webhook-Id": delivery, "X-Shopify-Triggered-At": at}
    elif kind == "woocommerce":
        headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signature(SECRETS[kind], body)}
        extra = {"X-WC-Webhook-Delivery-ID": delivery}
    else:
        stamp = at or str(int(timezone.now().timestamp()))
        delivery = delivery or f"msg_{next(_numbers)}"
        key = base64.b64decode(WHSEC.removeprefix("whsec_"))
        digest = hmac.new(key, f"{delivery}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "webhook-id": delivery,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        extra = {}
    return headers | {name: value for name, value in extra.items() if value}


def post(to: Source, body: Any, topic: str = "", delivery: str = "", at: str = "", **headers: str) -> HttpResponse:
    """Posts a genuine webhook."""
    raw = as_bytes(body)
    return Http().post(
        f"/webhooks/{to.kind}/{to.slug}/",
        raw,
        content_type="application/json",
        headers=signed(to.kind, raw, topic, delivery, at) | headers,
    )


def call(to: Source, body: Any, name: str = "batch", **headers: str) -> HttpResponse:
    """Posts a tracking call with the source's write key."""
    basic = "Basic " + base64.b64encode(f"{to.write_key}:".encode()).decode()
    return Http().post(
        f"/v1/{name}", as_bytes(body), content_type="application/json", headers={"Authorization": basic} | headers
    )


def track(event: str, message: str = "", **item: Any) -> dict[str, Any]:
    """A track item of a visitor."""
    item = {"type": "track", "event": event, "anonymousId": "visitor"} | item
    return item | ({"messageId": message} if message else {})
