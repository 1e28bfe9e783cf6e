"""Which client a fact is about (semantics §2).

Names lead to clients through `Identity`, strongest first: the source's own customer id, then phone,
then e-mail. Anonymous names (a Shopify cart's token, Segment's anonymousId) lead to nobody until a
fact names them together with a known name; then everything that was kept under them joins the client.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from loyalty.intake.facts import Fact, Who
from loyalty.models import Client, Identity, Source

Name = tuple[str, str, str]  # kind, scope, value

_STRENGTH = (Identity.Kind.EXTERNAL, Identity.Kind.PHONE, Identity.Kind.EMAIL)


@dataclass(slots=True)
class Resolution:
    """The client of every fact of a batch, in order, and what the batch taught about names."""

    clients: list[int | None]
    created: set[int] = field(default_factory=set)
    # (anonymous name, client): names that this batch tied to a client for the first time.
    joined: list[tuple[str, int]] = field(default_factory=list)
    # (from, into): clients that turned out to be one.
    merges: list[tuple[int, int]] = field(default_factory=list)


def known_names(who: Who, scope: str) -> list[Name]:
    """The names that lead to a known client, strongest first."""
    names: list[Name] = []
    if who.external_id:
        names.append((Identity.Kind.EXTERNAL, scope, who.external_id))
    if who.phone and who.phone.e164:
        names.append((Identity.Kind.PHONE, "", who.phone.e164))
    if who.email:
        names.append((Identity.Kind.EMAIL, "", who.email))
    return names


def _all_names(who: Who, scope: str) -> list[Name]:
    names = known_names(who, scope)
    names += [(Identity.Kind.ANONYMOUS, scope, value) for value in who.anonymous]
    for value in who.previous:
        names += [(Identity.Kind.EXTERNAL, scope, value), (Identity.Kind.ANONYMOUS, scope, f"anon:{value}")]
    return names


def _find(names: Iterable[Name]) -> dict[Name, int]:
    wanted = sorted(set(names))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT i.kind, i.scope, i.value, i.client_id FROM loyalty_identity i
               JOIN unnest(%s::text[], %s::text[], %s::text[]) AS n(kind, scope, value)
                 USING (kind, scope, value)""",
            [list(column) for column in zip(*wanted, strict=True)],
        )
        return {(kind, scope, value): client for kind, scope, value, client in cursor.fetchall()}


def _lock(names: Iterable[Name]) -> None:
    """Serialises whoever names the same unknown client: two deliveries at once make one client, and an
    anonymous event cannot slip in behind the join that should have taken it. In sorted order: no deadlock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_advisory_xact_lock(k) FROM (
                 SELECT DISTINCT hashtextextended(n, 7) AS k FROM unnest(%s::text[]) AS n ORDER BY k) AS keys""",
            [["\x1f".join(name) for name in names]],
        )


def resolve(source: Source, facts: Sequence[Fact], now: datetime) -> Resolution:
    """Finds or creates the client of every fact; call inside the transaction that records them.

    A name that the batch ties to a client is stored; a guest (a client without a customer id) whom a
    registered customer turns out to be is merged into it. Two clients who each have a customer id are
    never merged on an e-mail or phone: the customer id decides and the weaker name stays where it was.
    """
    names = [_all_names(fact.who, source.slug) for fact in facts]
    every = {name for found in names for name in found}
    clients = _find(every)
    unknown = every - clients.keys()
    if unknown:
        _lock(unknown)
        clients |= _find(unknown)
    resolution = Resolution(clients=[None] * len(facts))
    fresh: list[tuple[int, Fact]] = []
    placeholder = 0
    learnt: dict[Name, int] = {}
    for index, fact in enumerate(facts):
        strong = known_names(fact.who, source.slug)
        client = next((clients[name] for name in strong if name in clients), None)
        if client is None:
            earlier = [name for name in names[index] if name in clients]
            # An anonymous name that is already tied leads to its client, unless the fact brings a
            # customer id of somebody new: then another person uses the same browser.
            if earlier and not (fact.who.external_id and not fact.who.previous):
                client = clients[earlier[0]]
        if client is None and strong:
            placeholder -= 1
            client = placeholder
            fresh.append((placeholder, fact))
        resolution.clients[index] = client
        if client is None:
            continue
        for name in names[index]:
            holder = clients.get(name)
            if holder == client:
                continue
            is_anonymous = name[0] == Identity.Kind.ANONYMOUS
            if holder is None or is_anonymous:
                if name[0] == Identity.Kind.EXTERNAL and name[2] in fact.who.previous:
                    continue  # alias from a name nobody used
                clients[name] = learnt[name] = client
                if is_anonymous and strong:
                    resolution.joined.append((name[2], client))
            else:
                resolution.merges.append((holder, client))
    _store(source, resolution, fresh, learnt, now)
    return resolution


def _store(
    source: Source, resolution: Resolution, fresh: list[tuple[int, Fact]], learnt: dict[Name, int], now: datetime
) -> None:
    real: dict[int, int] = {}
    if fresh:
        created = Client.objects.bulk_create([Client(created_at=now) for _ in fresh])
        real = {placeholder: client.pk for (placeholder, _), client in zip(fresh, created, strict=True)}
        resolution.created = set(real.values())
    resolution.clients = [real.get(client, client) if client is not None else None for client in resolution.clients]
    resolution.joined = [(name, real.get(client, client)) for name, client in resolution.joined]
    resolution.merges = [(real.get(a, a), real.get(b, b)) for a, b in resolution.merges]
    if learnt:
        Identity.objects.bulk_create(
            [
                Identity(kind=kind, scope=scope, value=value, client_id=real.get(client, client))
                for (kind, scope, value), client in sorted(learnt.items())
            ],
            update_conflicts=True,
            unique_fields=["kind", "scope", "value"],
            update_fields=["client"],
        )


def mergeable(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of pairs (from, into), those where `from` is a guest: merging two customers needs a person."""
    pairs = list(dict.fromkeys(pairs))
    registered = set(
        Identity.objects.filter(
            kind=Identity.Kind.EXTERNAL, client__in={client for pair in pairs for client in pair}
        ).values_list("client_id", flat=True)
    )
    chosen: dict[int, int] = {}
    for guest, into in pairs:
        if guest in registered and into not in registered:
            guest, into = into, guest  # noqa: PLW2901 (the guest is the one to go)
        if guest in registered or guest in chosen or into in chosen or guest == into:
            continue
        chosen[guest] = into
    return sorted(chosen.items())


def mark_merged(guest: int, into: int) -> None:
    """Moves every name of `guest` to `into` and fills what `into` does not know of itself."""
    Identity.objects.filter(client_id=guest).update(client_id=into)
    old = Client.objects.get(pk=guest)
    new = Client.objects.select_for_update().get(pk=into)
    for name in (
        "phone",
        "phone_given",
        "phone_quality",
        "email",
        "first_name",
        "last_name",
        "birthday",
        "gender",
        "zone",
        "language",
        "registered_at",
    ):
        if not getattr(new, name):
            setattr(new, name, getattr(old, name))
    new.attributes = old.attributes | new.attributes
    new.save()
    Client.objects.filter(merged_into=guest).update(merged_into=into)
    Client.objects.filter(pk=guest).update(merged_into=into, phone="", email="", attributes={})
