"""Our own JSON for shops, tills and sites, signed by Standard Webhooks; its form is in docs/events.md."""

import base64
import binascii
import hmac
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from standardwebhooks.webhooks import hmac_data

from loyalty.intake import body, deeds, people, read
from loyalty.intake.deeds import Deed, Words
from loyalty.intake.delivery import Delivery
from loyalty.intake.facts import ConsentFact, Fact, Refused, Who
from loyalty.intake.names import event_name
from loyalty.models import Consent

KEPT_HEADERS: tuple[str, ...] = ("webhook-id", "webhook-timestamp")
TOLERANCE = timedelta(minutes=5)
WORDS = Words(
    outer="data", lines="lines", title="title", cart="cart_token", order_total=("total",), refunded=("refunded",)
)
_CLIENT_ONLY = frozenset({"id", "consents", "attributes"})


def signed(raw: bytes, headers: dict[str, str], secret: str, now: datetime) -> bool:
    """Whether the delivery carries a Standard Webhooks signature made within five minutes of `now`.

    The library's own check reads the clock and takes text only; the scheme is the same: base64 of
    HMAC-SHA256 over "id.timestamp.body", any of several signatures (while secrets rotate).
    """
    message, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
        age = now.timestamp() - int(stamp)
    except (binascii.Error, ValueError, OverflowError):
        return False
    if not key or not message or abs(age) > TOLERANCE.total_seconds():
        return False
    expected = base64.b64encode(hmac_data(key, f"{message}.{stamp}.".encode("utf-8", "replace") + raw))
    given = headers.get("webhook-signature", "").split(" ")
    return any(
        hmac.compare_digest(one.removeprefix("v1,").encode("utf-8", "replace"), expected)
        for one in given
        if one.startswith("v1,")
    )


def topic(delivery: Delivery) -> str:
    """The event's type, empty where the body does not say it."""
    try:
        return read.text(read.mapping(body.parse(delivery.body), "body").get("type"), "type", 200, cut=True)
    except Refused:
        return ""


def delivery_id(delivery: Delivery) -> str:
    """The message's id of Standard Webhooks."""
    return delivery.id("webhook-id", "")


def facts(delivery: Delivery) -> list[Fact]:
    """The facts of a delivery, in order. Raises Refused."""
    data = body.parse(delivery.body)
    body.check(data)
    event = read.mapping(data, "body")
    fact = Fact(
        delivery_id(delivery),
        event_name(event.get("type"), "type"),
        read.moment(event.get("timestamp"), "timestamp", delivery.now) or delivery.now,
        raw=event,
    )
    _client(fact, event, delivery)
    who = fact.who
    if who.anonymous:
        person = who.anonymous[0]
    else:
        person = f"user:{read.key(who.external_id)}" if who.external_id else ""
    deed = Deed(fact, read.mapping(event.get("data"), "data"), WORDS, delivery.origin, delivery.now, person)
    found = deeds.tell(deed)
    if fact.name.startswith("customer.") and not (who.external_id or who.email or who.phone):
        raise Refused("client", _("names nobody: an id, a phone or an e-mail is needed"))
    if fact.name == "customer.registered" and fact.profile:
        fact.profile.registered_at = fact.profile.registered_at or fact.occurred_at
    return found


def _client(fact: Fact, event: dict[str, Any], delivery: Delivery) -> None:
    client = read.mapping(event.get("client"), "client")
    fact.who = Who(anonymous=people.anonymous(event.get("anonymous_id"), "anonymous_id"))
    if not client:
        return
    try:
        person = people.person(client, delivery.origin, delivery.now, _CLIENT_ONLY)
        fact.who.external_id = read.identifier(client.get("id"), "id")
        fact.who.phone, fact.who.email = person.phone, person.email
        fact.profile = person.profile
        fact.profile.attributes |= read.mapping(client.get("attributes"), "attributes")
        fact.consents = _consents(read.mapping(client.get("consents"), "consents"), delivery.now)
    except Refused as error:
        raise error.inside("client") from None
    if person.email_given:
        fact.payload["email_given"] = person.email_given


def _consents(given: dict[str, Any], now: datetime) -> tuple[ConsentFact, ...]:
    """`{"email": true, "sms": {"granted": false, "topic": …, "given_at": …, "evidence": …}}`."""
    found = []
    for channel, said in given.items():
        field = f"consents.{channel}"
        if channel not in Consent.Channel.values:
            raise Refused(field[:200], _("is not a channel"))
        consent = said if isinstance(said, dict) else {"granted": said}
        granted = read.flag(consent.get("granted"), f"{field}.granted")
        if granted is None:
            continue
        found.append(
            ConsentFact(
                channel,
                granted,
                read.text(consent.get("evidence"), f"{field}.evidence", 200, cut=True) or f"shop:{field}",
                topic=read.text(consent.get("topic"), f"{field}.topic", 50) or "marketing",
                given_at=read.moment(consent.get("given_at"), f"{field}.given_at", now),
            )
        )
    return tuple(found)
