"""Which client a fact is about (semantics §2).

Names lead to clients through `Identity`, strongest first: the source's own customer id, then phone,
then e-mail. Anonymous names (a Shopify cart's token, Segment's anonymousId) lead to nobody until a
fact names them together with a known name; then everything that was kept under them joins the client.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from django.db import connection

from loyalty.intake.facts import Fact, Who
from loyalty.models import Client, Identity, Source
from loyalty.services import rows
from loyalty.services.rows import as_json

Name = tuple[str, str, str]  # kind, scope, value


@dataclass(slots=True)
class Resolution:
    """The client of every fact of a batch, in order, and what the batch taught about names."""

    clients: list[int | None]
    # Clients who are new: their ids are taken, their rows are `clients.apply`'s to write.
    created: set[int] = field(default_factory=set)
    # (anonymous name, client): names that this batch tied to a client for the first time.
    joined: list[tuple[str, int]] = field(default_factory=list)
    # (from, into, whether the source itself said that they are one).
    merges: list[tuple[int, int, bool]] = field(default_factory=list)


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


def holders(names: Iterable[Name]) -> dict[Name, int]:
    """Which clients the names lead to; names of nobody are left out."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # LIMIT keeps the planner, which takes any JSON for a hundred rows, from reading the whole table for two.
            """SELECT n.kind, n.scope, n.value, i.client_id
               FROM json_to_recordset(%s) AS n(kind text, scope text, value text)
               CROSS JOIN LATERAL (
                 SELECT client_id FROM loyalty_identity
                 WHERE kind = n.kind AND scope = n.scope AND value = n.value LIMIT 1) i""",
            [as_json({"kind": kind, "scope": scope, "value": value} for kind, scope, value in wanted)],
        )
        return {(kind, scope, value): client for kind, scope, value, client in cursor.fetchall()}


def _lock(names: Iterable[Name]) -> None:
    """Serialises whoever names the same unknown client: two deliveries at once make one client, and an
    anonymous event cannot slip in behind the join that should have taken it. In sorted order: no deadlock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_advisory_xact_lock(k) FROM (
                 SELECT DISTINCT hashtextextended(n, 7) AS k FROM json_array_elements_text(%s) AS n ORDER BY k
               ) AS keys""",
            [orjson.dumps(["\x1f".join(name) for name in names]).decode()],
        )


def claim(names: Sequence[Name]) -> dict[Name, int]:
    """Who has these names already; nobody else can take them until the caller's transaction ends."""
    if not names:
        return {}
    _lock(names)
    return holders(names)


def resolve(source: Source, facts: Sequence[Fact]) -> Resolution:
    """Finds the client of every fact, or takes an id for a new one; call inside the transaction that records them.

    A name that the batch ties to a client is stored; a guest (a client without a customer id) whom a
    registered customer turns out to be is merged into it. Two clients who each have a customer id are
    never merged on an e-mail or phone: the customer id decides and the weaker name stays where it was.
    """
    names = [_all_names(fact.who, source.slug) for fact in facts]
    every = {name for found in names for name in found}
    clients = holders(every)
    unknown = every - clients.keys()
    if unknown:
        _lock(unknown)
        clients |= holders(unknown)
    newcomers = any(fact.who.external_id and found[0] not in clients for fact, found in zip(facts, names, strict=True))
    customers = _customers(source.slug, set(clients.values())) if newcomers else set()
    resolution = Resolution(clients=[None] * len(facts))
    learnt: dict[Name, int] = {}
    placeholders = 0  # clients to be created, numbered −1, −2 …
    for index, fact in enumerate(facts):
        strong = known_names(fact.who, source.slug)
        client = _found(fact.who, names[index], clients, customers)
        if client is None and strong:
            placeholders += 1
            client = -placeholders
        resolution.clients[index] = client
        if client is None:
            continue
        if fact.who.external_id:
            customers.add(client)
        for name in names[index]:
            holder = clients.get(name)
            is_anonymous = name[0] == Identity.Kind.ANONYMOUS
            said_before = name[0] == Identity.Kind.EXTERNAL and name[2] in fact.who.previous
            if holder == client or (holder is None and said_before):
                continue
            if holder is None or is_anonymous:
                clients[name] = learnt[name] = client
                if is_anonymous and strong:
                    resolution.joined.append((name[2], client))
            else:
                resolution.merges.append((holder, client, said_before))
    _store(resolution, placeholders, learnt)
    return resolution


def _customers(scope: str, client_ids: set[int]) -> set[int]:
    """Those of the clients who have a customer id of this source."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT client_id FROM loyalty_identity
               WHERE client_id = ANY(%s) AND kind = 'external' AND scope = %s""",
            [list(client_ids), scope],
        )
        return {client_id for (client_id,) in cursor.fetchall()}


def _found(who: Who, names: Sequence[Name], clients: dict[Name, int], customers: set[int]) -> int | None:
    """The client whom the strongest known name leads to.

    A fact that brings a new customer id is about nobody who already has one of the same source: two
    customers may share a phone, an e-mail or a browser.
    """
    newcomer = who.external_id and names[0] not in clients
    for name in names:
        client = clients.get(name)
        if client is None:
            continue
        alias = name[2] in who.previous or name[2].removeprefix("anon:") in who.previous
        if newcomer and client in customers and not alias:
            continue
        return client
    return None


def _store(resolution: Resolution, placeholders: int, learnt: dict[Name, int]) -> None:
    real = {-number: client for number, client in enumerate(_new_ids(placeholders), start=1)}
    resolution.created = set(real.values())
    resolution.clients = [real.get(client, client) if client is not None else None for client in resolution.clients]
    resolution.joined = [(name, real.get(client, client)) for name, client in resolution.joined]
    resolution.merges = [(real.get(old, old), real.get(new, new), said) for old, new, said in resolution.merges]
    rows.insert(
        Identity,
        [
            {"kind": kind, "scope": scope, "value": value, "client_id": real.get(client, client)}
            for (kind, scope, value), client in sorted(learnt.items())
        ],
        conflict="(kind, scope, value) DO UPDATE SET client_id = EXCLUDED.client_id",
    )


def _new_ids(number: int) -> list[int]:
    if not number:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('loyalty_client', 'id')) FROM generate_series(1, %s)", [number]
        )
        return [client_id for (client_id,) in cursor.fetchall()]


def mergeable(merges: Iterable[tuple[int, int, bool]]) -> list[tuple[int, int]]:
    """Of clients that seem to be one, the pairs (from, into) to merge: a guest into a customer, or whom the
    source itself called one. Two customers who merely share an e-mail or phone stay two."""
    merges = list(dict.fromkeys(merges))
    if not merges:
        return []
    customers = set(
        Identity.objects.filter(
            kind=Identity.Kind.EXTERNAL, client__in={client for old, new, _ in merges for client in (old, new)}
        ).values_list("client_id", flat=True)
    )
    chosen: dict[int, int] = {}
    for old, new, said in merges:
        source, target = (new, old) if old in customers and new not in customers and not said else (old, new)
        settled = source in chosen or target in chosen or source in chosen.values()
        if source == target or settled or (source in customers and not said):
            continue
        chosen[source] = target
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
        "store_id",
    ):
        if not getattr(new, name):
            setattr(new, name, getattr(old, name))
    new.attributes = old.attributes | new.attributes
    new.save()
    Client.objects.filter(merged_into=guest).update(merged_into=into)
    Client.objects.filter(pk=guest).update(merged_into=into, phone="", email="", attributes={})
