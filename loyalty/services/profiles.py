"""Registering a client and changing one, by somebody who knows whom they mean (contract §3).

The rules of names are the webhooks' (`identity`): a name leads to one client. Where a webhook has to make
the best of what it is told, a caller here can be told that a name is taken.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction

from loyalty.intake.facts import Fact, Phone
from loyalty.models import Client, Consent, Identity, Source
from loyalty.services import clients, confirmations, events, identity, rows, stream
from loyalty.services.identity import Name

_FIELDS = {Identity.Kind.EXTERNAL: "external_id", Identity.Kind.PHONE: "phone", Identity.Kind.EMAIL: "email"}


class NameTaken(Exception):
    """Names that other clients have: client ids by field (external_id, phone, email)."""

    def __init__(self, holders: Mapping[str, int]) -> None:
        super().__init__(", ".join(holders))
        self.holders = dict(holders)


def register(source: Source, fact: Fact, now: datetime) -> int:
    """Makes the client whom the fact names and describes; returns the id. Raises NameTaken.

    The fact becomes the event `customer.registered`, with consent and profile, as a shop's webhook would.
    """
    with transaction.atomic():
        names = identity.known_names(fact.who, source.slug)
        _refuse_taken(identity.claim(names), of=None)
        client_id = events.record(source, [fact], now)[0].client_id
    if client_id is None:
        raise ValueError("names: a client needs at least one")
    return client_id


def change(client_id: int, source: Source, changes: Mapping[str, Any], now: datetime) -> None:
    """Changes what `changes` names and nothing else, and records the event `customer.updated`. Raises NameTaken.

    `phone` is a Phone or None, `email` text, `external_id` the source's own id of the client; an empty phone
    or e-mail takes the name away. `attributes` are merged key by key, None takes one away. `consents` are
    ConsentFacts.
    """
    names = _names(source, changes)
    with transaction.atomic():
        _refuse_taken(identity.claim(names), of=client_id)
        client = Client.objects.select_for_update(no_key=True).get(pk=client_id)
        before = {name: getattr(client, name) for name in ("phone", "email")}
        for name, value in changes.items():
            _set(client, name, value)
        client.profile_changed_at = now
        client.save()
        old = [(kind, "", before[kind.value]) for kind in (Identity.Kind.PHONE, Identity.Kind.EMAIL)]
        _rename(client, [name for name in old if name[2] and name[2] != getattr(client, name[0])], names)
        heard = [
            {
                "client_id": client_id,
                "channel": consent.channel,
                "topic": consent.topic,
                "granted": consent.granted,
                "source_id": source.pk,
                "evidence": consent.evidence,
                "given_at": consent.given_at or now,
            }
            for consent in changes.get("consents", ())
        ]
        rows.insert(Consent, confirmations.hold(heard, source, now), "DO NOTHING")
        told = Fact(f"client.changed:{uuid4()}", "customer.updated", now, payload={"changed": sorted(changes)})
        stream.append(source, [told], [client_id], now)


def _names(source: Source, changes: Mapping[str, Any]) -> list[Name]:
    names: list[Name] = []
    if external_id := changes.get("external_id"):
        names.append((Identity.Kind.EXTERNAL, source.slug, external_id))
    phone: Phone | None = changes.get("phone")
    if phone and phone.e164:
        names.append((Identity.Kind.PHONE, "", phone.e164))
    if email := changes.get("email"):
        names.append((Identity.Kind.EMAIL, "", email))
    return names


def _refuse_taken(holders: Mapping[Name, int], of: int | None) -> None:
    taken = {_FIELDS[Identity.Kind(name[0])]: holder for name, holder in holders.items() if holder != of}
    if taken:
        raise NameTaken(taken)


def _set(client: Client, name: str, value: Any) -> None:
    match name:
        case "phone":
            clients.set_phone(client, value or Phone("", "", ""))
        case "attributes":
            merged = client.attributes | value
            client.attributes = {key: kept for key, kept in merged.items() if kept is not None}
        case "external_id" | "consents":
            pass  # rows of their own
        case _:
            setattr(client, name, value)


def _rename(client: Client, gone: list[Name], names: list[Name]) -> None:
    for kind, scope, value in gone:
        Identity.objects.filter(client=client, kind=kind, scope=scope, value=value).delete()
    external = {name[1] for name in names if name[0] == Identity.Kind.EXTERNAL}
    # A source has one id for a client: a new one takes the place of the old.
    Identity.objects.filter(client=client, kind=Identity.Kind.EXTERNAL, scope__in=external).exclude(
        value__in=[name[2] for name in names]
    ).delete()
    Identity.objects.bulk_create(
        [Identity(client=client, kind=kind, scope=scope, value=value) for kind, scope, value in names],
        ignore_conflicts=True,
    )
