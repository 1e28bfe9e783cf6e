"""Push to browsers: encrypted for the browser alone (RFC 8291), signed by our key (VAPID, RFC 8292).

An address is a subscription as the browser gives it: `{"endpoint": …, "keys": {"p256dh": …, "auth": …}}`.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from messaging.channels import http
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.channels.public_net import Refused
from messaging.models import Message

TTL = 4 * 7 * 24 * 3600  # seconds that the service keeps a message for a browser that is off
RECORD = 4096  # bytes, the size of the one record (RFC 8188)
MOST = 3800  # bytes of a message that every service takes
SIGNED_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser that wants to be told."""

    endpoint: str
    p256dh: bytes
    auth: bytes


def subscription(address: str) -> Subscription:
    """Reads an address. Raises ValueError for what is no subscription."""
    try:
        given = orjson.loads(address)
        keys = given["keys"]
        found = Subscription(str(given["endpoint"]), _unpacked(keys["p256dh"]), _unpacked(keys["auth"]))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), found.p256dh)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a subscription") from error
    if not found.endpoint.startswith("https://") and not found.endpoint.startswith("http://"):
        raise ValueError("not a subscription")
    return found


def address(given: Mapping[str, Any]) -> str:
    """A subscription as a browser gives it, in the one form in which it is kept. Raises ValueError for what is none."""
    try:
        kept = {"endpoint": given["endpoint"], "keys": {name: given["keys"][name] for name in ("p256dh", "auth")}}
    except (KeyError, TypeError) as error:
        raise ValueError("not a subscription") from error
    value = orjson.dumps(kept).decode()
    subscription(value)
    return value


class WebPush(Channel):
    """One key that browsers know us by."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, contact: str, timeout: float) -> None:
        self._key, self._contact, self._timeout = key, contact, timeout
        self.public_key = public_key(key)

    async def send(self, message: Message) -> Answer:
        told = {
            "title": message.subject,
            "body": message.body,
            "message": message.pk,
            "url": message.extras.get("url", ""),
        }
        text = orjson.dumps(told)
        if len(text) > MOST:
            return refused(f"longer than {MOST} bytes")
        try:
            to = subscription(message.address)
        except ValueError as error:
            return refused(str(error), suppress=True)
        parts = urlsplit(to.endpoint)
        now = message.claimed_at or message.created_at
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now + SIGNED_FOR, "sub": f"mailto:{self._contact}"}
        signed = jwt.encode(claims, self._key, algorithm="ES256")
        headers = {
            "Authorization": f"vapid t={signed}, k={self.public_key}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(TTL),
        }
        sealed = seal(text, to, ec.generate_private_key(ec.SECP256R1()), os.urandom(16))
        try:
            # The browser says where: judged as what staff type.
            said = await http.call("POST", to.endpoint, timeout=self._timeout, headers=headers, data=sealed, typed=True)
        except Refused as error:
            return refused(str(error), suppress=True)
        except http.NotSent as error:
            return later(str(error))
        except http.Unanswered as error:
            return unknown(f"no answer: {error}")
        if 200 <= said.status < 300:
            return accepted()
        if said.status in (404, 410):
            # The browser has ended the subscription.
            return refused(f"HTTP {said.status}", suppress=True)
        return http.trouble(said) or refused(f"HTTP {said.status}")


def seal(text: bytes, to: Subscription, ours: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """The text for this browser's eyes only (RFC 8291 §3): one record of aes128gcm."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), to.p256dh)
    public = _point(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    key = HKDF(SHA256(), 32, to.auth, b"WebPush: info\0" + to.p256dh + public).derive(shared)
    content = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(key)
    nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(key)
    head = salt + RECORD.to_bytes(4, "big") + len(public).to_bytes(1, "big") + public
    return head + AESGCM(content).encrypt(nonce, text + b"\x02", None)


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """What browsers subscribe with."""
    return base64.urlsafe_b64encode(_point(key.public_key())).rstrip(b"=").decode()


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
