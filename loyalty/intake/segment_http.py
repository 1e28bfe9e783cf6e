"""Segment's HTTP tracking API: the calls of its clients, and of RudderStack's, as facts.

A batch is a list of items, each of which stands or falls alone: a bad one is reported with its reason
and never fails the others, because clients drop a whole batch on a 400 (contract §2).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from django.utils.translation import gettext as _

from loyalty.intake import body, deeds, people, read
from loyalty.intake.deeds import Deed, Words
from loyalty.intake.facts import ConsentFact, Fact, Refused, Who
from loyalty.intake.names import event_name
from loyalty.intake.read import Origin
from loyalty.models import Consent

CALLS = ("track", "identify", "page", "screen", "alias", "group")
MAX_ITEMS = 10_000
# A client's clock is believed when it is off by less; beyond it, times are moved by the difference.
SKEW = timedelta(seconds=60)

# Names of the e-commerce specification (and its first version) → ours. Others stay custom names.
EVENTS = {
    "product viewed": "product.viewed",
    "viewed product": "product.viewed",
    "product list viewed": "category.viewed",
    "viewed product category": "category.viewed",
    "products searched": "search.performed",
    "product added": "product.added_to_cart",
    "added product": "product.added_to_cart",
    "product removed": "product.removed_from_cart",
    "removed product": "product.removed_from_cart",
    "cart viewed": "cart.viewed",
    "checkout started": "checkout.started",
    "order completed": "order.created",
    "completed order": "order.created",
    "order updated": "order.updated",
    "order refunded": "order.refunded",
    "order cancelled": "order.cancelled",
    "coupon applied": "coupon.applied",
    "product reviewed": "review.created",
    "signed up": "customer.registered",
}
_PAID = {"order completed", "completed order"}
WORDS = Words(
    outer="properties",
    lines="products",
    title="name",
    cart="cart_id",
    order_total=("total", "revenue", "value"),
    refunded=("total", "revenue", "value"),
)
CONSENTS = {
    "email_marketing_consent": (Consent.Channel.EMAIL,),
    "sms_marketing_consent": (Consent.Channel.SMS,),
    "marketing_consent": (Consent.Channel.EMAIL, Consent.Channel.SMS),
    "accepts_marketing": (Consent.Channel.EMAIL, Consent.Channel.SMS),
}
_NO_ATTRIBUTES = frozenset(CONSENTS) | {"address", "id"}


@dataclass(slots=True)
class Rejected:
    """An item that cannot be taken."""

    index: int
    message_id: str
    reason: str
    # What is needed to try it again: its key, a label and itself.
    key: str
    topic: str
    item: str


@dataclass(slots=True)
class Taken:
    """What became of a body: the facts of every good item, and the bad ones."""

    groups: list[list[Fact]] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class TooMany(Exception):
    """A batch of more than MAX_ITEMS."""


def write_key(data: Any) -> str:
    """The `writeKey` of a body, empty where there is none."""
    key = data.get("writeKey") if isinstance(data, dict) else None
    return key if isinstance(key, str) else ""


def read_call(call: str, data: Any, origin: Origin, now: datetime) -> Taken:
    """Reads a parsed body of `/v1/<call>`. Raises TooMany."""
    whole = data if isinstance(data, dict) else {}
    taken = Taken()
    if call != "batch":
        _take(taken, 0, data, _Batch(call, _skew(whole, now), {}, origin, now))
        return taken
    items = whole.get("batch")
    if not isinstance(items, list):
        taken.rejected.append(reject(0, data, _("batch: must be a list")))
        return taken
    if len(items) > MAX_ITEMS:
        raise TooMany
    shared = whole.get("context")
    batch = _Batch("", _skew(whole, now), shared if isinstance(shared, dict) else {}, origin, now)
    if shared is not None:
        try:
            body.check(shared)
        except Refused:
            batch.context = {}
    for index, item in enumerate(items):
        _take(taken, index, item, batch)
    return taken


@dataclass(slots=True)
class _Batch:
    """What the items of a body share."""

    call: str
    skew: timedelta
    context: dict[str, Any]
    origin: Origin
    now: datetime


def _skew(whole: dict[str, Any], now: datetime) -> timedelta:
    """How far the client's clock is behind ours, when it is off by more than a minute (Segment's own rule)."""
    try:
        sent = read.instant(whole.get("sentAt"), "sentAt", now, epoch=True)
    except Refused:
        return timedelta(0)
    skew = now - sent if sent else timedelta(0)
    return skew if abs(skew) > SKEW else timedelta(0)


def _take(taken: Taken, index: int, item: Any, batch: _Batch) -> None:
    try:
        body.check(item)
        taken.groups.append(item_facts(read.mapping(item, "item"), batch))
        taken.indexes.append(index)
    except Refused as error:
        taken.rejected.append(reject(index, item, str(error)))


def reject(index: int, item: Any, reason: str) -> Rejected:
    """The report on a bad item, whatever it is made of."""
    given = item if isinstance(item, dict) else {}
    message_id = given.get("messageId")
    given_id = message_id if isinstance(message_id, str) else ""
    try:
        text = json.dumps(item)
    except RecursionError:
        text = "null"
    label = f"{given.get('type') or ''}: {given.get('event') or ''}"
    return Rejected(
        index=index,
        message_id=given_id[:200],
        reason=reason,
        key=read.key(given_id) if given_id.strip() else "sha256:" + sha256(text.encode()).hexdigest(),
        topic="".join(letter for letter in label if letter.isprintable())[:200].strip(": "),
        item=text,
    )


def one_item(item: Any, origin: Origin, now: datetime) -> list[Fact]:
    """The facts of one item, as a refused one is tried again. Raises Refused."""
    body.check(item)
    return item_facts(read.mapping(item, "item"), _Batch("", timedelta(0), {}, origin, now))


def item_facts(item: dict[str, Any], batch: _Batch) -> list[Fact]:
    """The facts of one item: its own first. Raises Refused."""
    call = batch.call or item.get("type")
    handler = _HANDLERS.get(call) if isinstance(call, str) else None
    if handler is None:
        raise Refused("type", _("is not one of %(calls)s") % {"calls": ", ".join(CALLS)})
    fact = Fact(_key(item), "", _time(item, batch), raw={name: item[name] for name in item if name != "writeKey"})
    _client(fact, item, batch)
    return handler(fact, item, batch)


def _key(item: dict[str, Any]) -> str:
    given = item.get("messageId")
    if isinstance(given, str | int) and str(given).strip():
        return read.key(str(given))
    # The same item sent again has the same hash; times of sending are no part of it.
    stable = {name: value for name, value in item.items() if name not in ("sentAt", "writeKey", "receivedAt")}
    return "sha256:" + sha256(orjson.dumps(stable, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _time(item: dict[str, Any], batch: _Batch) -> datetime:
    name = "timestamp" if item.get("timestamp") not in (None, "") else "originalTimestamp"
    said = read.instant(item.get(name), name, batch.now, epoch=True)
    return batch.now if said is None else read.past(said + batch.skew, name, batch.now)


def _client(fact: Fact, item: dict[str, Any], batch: _Batch) -> None:
    context = batch.context | read.mapping(item.get("context"), "context")
    traits = read.mapping(context.get("traits"), "context.traits")
    field = "context.traits"
    if item.get("traits") and (batch.call or item.get("type")) == "identify":
        traits, field = traits | read.mapping(item["traits"], "traits"), "traits"
    fact.who = Who(
        external_id=read.identifier(item.get("userId"), "userId"),
        anonymous=people.anonymous(item.get("anonymousId"), "anonymousId"),
    )
    if traits:
        try:
            person = people.person(traits, batch.origin, batch.now, _NO_ATTRIBUTES)
            fact.consents = _consents(traits)
        except Refused as error:
            raise error.inside(field) from None
        fact.who.phone, fact.who.email, fact.profile = person.phone, person.email, person.profile
        if person.email_given:
            fact.payload["email_given"] = person.email_given
        if field == "traits":
            _device(fact, context)
    if not (fact.who.external_id or fact.who.anonymous or fact.who.email or fact.who.phone):
        raise Refused("userId", _("is missing, and anonymousId too"))


def _device(fact: Fact, context: dict[str, Any]) -> None:
    """What the client's own device says where the traits are silent."""
    if fact.profile:
        fact.profile.zone = fact.profile.zone or people.zone(context.get("timezone"), "context.timezone")
        fact.profile.language = fact.profile.language or read.text(
            context.get("locale"), "context.locale", 10, cut=True
        )


def _consents(traits: dict[str, Any]) -> tuple[ConsentFact, ...]:
    """Consent by channel; a trait about one channel outweighs one about all."""
    found: dict[str, ConsentFact] = {}
    for trait, channels in CONSENTS.items():
        said = traits.get(trait)
        if not isinstance(said, bool):
            continue
        for channel in channels:
            found.setdefault(channel.value, ConsentFact(channel.value, said, f"traits.{trait}"))
    return tuple(found.values())


# --- calls -----------------------------------------------------------------------------------------


def _track(fact: Fact, item: dict[str, Any], batch: _Batch) -> list[Fact]:
    given = read.required(read.text(item.get("event"), "event", 1000), "event")
    known = EVENTS.get(given.lower())
    fact.name = known or event_name(given, "event")
    properties = read.mapping(item.get("properties"), "properties")
    if given.lower() in _PAID:
        # The specification's order is complete when it is bought.
        properties = properties | {"status": "paid"}
    if fact.name == "customer.registered" and fact.profile and not fact.profile.registered_at:
        fact.profile.registered_at = fact.occurred_at
    return deeds.tell(Deed(fact, properties, WORDS, batch.origin, batch.now, _person(fact)))


def _person(fact: Fact) -> str:
    if fact.who.anonymous:
        return fact.who.anonymous[0]
    return f"user:{read.key(fact.who.external_id)}" if fact.who.external_id else ""


def _identify(fact: Fact, item: dict[str, Any], batch: _Batch) -> list[Fact]:
    fact.name = "client.identified"
    fact.payload["user_id"] = fact.who.external_id
    return [fact]


def _alias(fact: Fact, item: dict[str, Any], batch: _Batch) -> list[Fact]:
    fact.name = "client.identified"
    previous = read.required(read.identifier(item.get("previousId"), "previousId"), "previousId")
    read.required(fact.who.external_id, "userId")
    fact.who.previous = (read.key(previous),)
    fact.payload |= {"user_id": fact.who.external_id, "previous_id": previous}
    return [fact]


def _group(fact: Fact, item: dict[str, Any], batch: _Batch) -> list[Fact]:
    fact.name = "client.grouped"
    group_id = read.required(read.identifier(item.get("groupId"), "groupId"), "groupId")
    fact.payload |= {"group_id": group_id, "traits": read.mapping(item.get("traits"), "traits")}
    return [fact]


def _page(fact: Fact, item: dict[str, Any], batch: _Batch) -> list[Fact]:
    return _view(fact, item, "page.viewed")


def _screen(fact: Fact, item: dict[str, Any], batch: _Batch) -> list[Fact]:
    return _view(fact, item, "screen.viewed")


def _view(fact: Fact, item: dict[str, Any], name: str) -> list[Fact]:
    fact.name = name
    shown = {part: read.text(item.get(part), part, cut=True) for part in ("name", "category")}
    fact.payload |= read.mapping(item.get("properties"), "properties") | {
        part: value for part, value in shown.items() if value
    }
    return [fact]


_HANDLERS: dict[str, Callable[[Fact, dict[str, Any], _Batch], list[Fact]]] = {
    "track": _track,
    "identify": _identify,
    "page": _page,
    "screen": _screen,
    "alias": _alias,
    "group": _group,
}
