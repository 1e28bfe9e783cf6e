"""What a webhook's adapter is given, and what it answers beside facts."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from loyalty.intake import read
from loyalty.intake.facts import Refused
from loyalty.intake.read import Origin


class UnknownTopic(Exception):
    """A delivery of a topic that means nothing to us: kept raw, answered 202 (contract §2)."""


@dataclass(slots=True)
class Delivery:
    """One webhook: inflated `body`, `headers` by lower-case name, and the moment of its arrival (UTC)."""

    body: bytes
    headers: Mapping[str, str]
    origin: Origin
    now: datetime

    def header(self, name: str) -> str:
        """A header's value, empty where it is absent."""
        return self.headers.get(name, "").strip()

    def digest(self, topic: str) -> str:
        """An id for a delivery that came without one: the same bytes are the same delivery."""
        return "sha256:" + hashlib.sha256(topic.encode() + b"\n" + self.body).hexdigest()

    def id(self, name: str, topic: str) -> str:
        """The delivery's id from the header `name`, else its digest."""
        given = self.header(name)
        return read.key(given) if given else self.digest(topic)


def hmac_matches(body: bytes, secret: str, signature: str) -> bool:
    """Whether `signature` is the base64 of the body's HMAC-SHA256 under `secret`, compared in constant time."""
    if not secret or not signature:
        return False
    try:
        given = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).digest(), given)


def unwrap(data: Any, one: str, many: str = "") -> list[dict[str, Any]]:
    """The resources of a body: bare as webhooks send them, or wrapped as the shop's own documents show them.

    `{"cart": {…}}`, `{"carts": [{…}, …]}` and `{…}` are all read.
    """
    body = read.mapping(data, "body")
    if not body or (many in body and not body[many]):
        raise Refused("body", _("holds nothing"))
    if many and many in body and len(body) == 1:
        items = read.sequence(body[many], many)
        return [read.mapping(item, f"{many}[{n}]") for n, item in enumerate(items)]
    if one in body and len(body) == 1:
        return [read.mapping(body[one], one)]
    return [body]
