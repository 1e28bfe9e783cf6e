"""Bundled deliveries, to try the installation with: our own data in the shapes that the shops document.

A sample is a file of loyalty/samples: "@now", "@id" and "@uuid" in it become the time, a fresh number and
a fresh id when it is sent.
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from standardwebhooks.webhooks import Webhook

from loyalty.models import Source

FOLDER = Path(__file__).resolve().parent.parent / "samples"
EMAILS = {"email", "contact_email"}
CONSENTS = {"buyer_accepts_marketing", "accepts_marketing", "marketing_consent"}


class SampleError(Exception):
    """A sample that cannot be sent as asked; the text says why and what to do."""


@dataclass(slots=True)
class Sample:
    """A delivery as its shop would make it; `body` is still to be changed and signed."""

    name: str
    about: str
    kind: str
    topic: str
    body: dict[str, Any]


@dataclass(slots=True)
class Signed:
    """What goes over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes


def names() -> list[str]:
    """The names of all samples."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str, now: datetime) -> Sample:
    """A sample with its times set to `now`. Raises SampleError."""
    if name not in names():
        raise SampleError(
            _("there is no sample %(name)s; one of: %(names)s") % {"name": name, "names": ", ".join(names())}
        )
    sample = json.loads((FOLDER / f"{name}.json").read_text())
    number = int(now.timestamp() * 1000)

    def refreshed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: refreshed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [refreshed(item) for item in value]
        if value == "@now":
            return now.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        if value == "@id":
            return number
        return str(uuid.uuid4()) if value == "@uuid" else value

    return Sample(name, sample["about"], sample["kind"], sample["topic"], refreshed(sample["body"]))


def set_path(sample: Sample, path: str, value: Any) -> None:
    """Changes one value by its path, such as `customer.id` or `line_items.0.price`. Raises SampleError."""
    *outer, last = path.split(".")
    place: Any = sample.body
    try:
        for part in outer:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, list):
            place[int(last)] = value
        elif isinstance(place, dict):
            place[last] = value
        else:
            raise KeyError(last)
    except (KeyError, IndexError, ValueError, TypeError):
        raise SampleError(_("the sample has nothing at %(path)s") % {"path": path}) from None


def set_email(sample: Sample, email: str) -> None:
    """Gives the sample's client another e-mail."""
    for holder in _objects(sample.body):
        for field in EMAILS & holder.keys():
            holder[field] = email


def set_cart(sample: Sample, number: int) -> None:
    """Makes it another cart: a cart is reminded of once, so a second trial needs a second cart."""
    for holder in _objects(sample.body):
        for field, value in holder.items():
            if isinstance(value, str) and value.startswith("demo-") and value.endswith("-1"):
                holder[field] = f"{value.removesuffix('1')}{number}"


def set_consent(sample: Sample, granted: bool) -> None:
    """Lets the sample's client allow or forbid marketing. Raises SampleError where the shop cannot say it."""
    found = False
    for holder in _objects(sample.body):
        for field in CONSENTS & holder.keys():
            holder[field] = granted
            found = True
        if isinstance(holder.get("consents"), dict):
            holder["consents"] = dict.fromkeys(holder["consents"], granted)
            found = True
    if not found:
        raise SampleError(_("%(name)s says nothing of consent") % {"name": sample.name})


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)


def sign(sample: Sample, source: Source, now: datetime) -> Signed:
    """The sample as the source's shop would post it. Raises SampleError where the secret is not known."""
    if source.kind != sample.kind:
        wrong = {"slug": source.slug, "kind": source.kind, "wanted": sample.kind}
        raise SampleError(_("the source %(slug)s is of kind %(kind)s, the sample needs %(wanted)s") % wrong)
    if not source.secret:
        raise SampleError(_("the key or secret of %(slug)s is not kept here") % {"slug": source.slug})
    body = json.dumps(sample.body).encode()
    headers = {"Content-Type": "application/json"} | _SIGNERS[sample.kind](sample, source, body, now)
    path = "/v1/batch" if sample.kind == Source.Kind.SEGMENT else f"/webhooks/{source.kind}/{source.slug}/"
    return Signed(path, headers, body)


def _digest(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def _segment(sample: Sample, source: Source, body: bytes, now: datetime) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{source.secret}:".encode()).decode()}


def _shop(sample: Sample, source: Source, body: bytes, now: datetime) -> dict[str, str]:
    message = f"msg_{uuid.uuid4().hex}"
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(source.secret).sign(message, now.astimezone(UTC), body.decode()),
    }


def _shopify(sample: Sample, source: Source, body: bytes, now: datetime) -> dict[str, str]:
    return {
        "X-Shopify-Topic": sample.topic,
        "X-Shopify-Webhook-Id": str(uuid.uuid4()),
        "X-Shopify-Triggered-At": now.astimezone(UTC).isoformat(),
        "X-Shopify-Hmac-Sha256": _digest(source.secret, body),
    }


def _woocommerce(sample: Sample, source: Source, body: bytes, now: datetime) -> dict[str, str]:
    return {
        "X-WC-Webhook-Topic": sample.topic,
        "X-WC-Webhook-Delivery-ID": uuid.uuid4().hex,
        "X-WC-Webhook-Signature": _digest(source.secret, body),
    }


_SIGNERS: dict[str, Callable[[Sample, Source, bytes, datetime], dict[str, str]]] = {
    Source.Kind.SEGMENT.value: _segment,
    Source.Kind.SHOP.value: _shop,
    Source.Kind.SHOPIFY.value: _shopify,
    Source.Kind.WOOCOMMERCE.value: _woocommerce,
}
