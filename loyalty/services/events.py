"""The one way in for facts: `record` (semantics §1–2).

Everything a delivery says — its event, the client it names, the cart, the order, consent — is written
set-based in one transaction, so that an answer of success means that all of it is durable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import Order, Source
from loyalty.services import catalog, clients, followers, identity, merge, orders, places, settlement, stream

CHUNK = 500  # facts in one transaction: bounds the locks that it takes


@dataclass(slots=True)
class Recorded:
    """What became of one fact: its event, its client, and whether this delivery created it."""

    event_id: int
    new: bool
    client_id: int | None


def record(source: Source, facts: Sequence[Fact], now: datetime) -> list[Recorded]:
    """Records facts of one source, in order; what was recorded before changes nothing (semantics §2).

    `now` (UTC) becomes `received_at`. Returns one `Recorded` a fact. When it returns outside a
    transaction, all of it is committed; inside the caller's transaction it commits with it.
    """
    recorded: list[Recorded] = []
    for start in range(0, len(facts), CHUNK):
        with transaction.atomic():
            recorded += _record_chunk(source, facts[start : start + CHUNK], now)
    return recorded


def _record_chunk(source: Source, facts: Sequence[Fact], now: datetime) -> list[Recorded]:
    seen = _known(source, [fact.external_id for fact in facts])
    first: dict[str, Fact] = {}
    for fact in facts:
        if fact.external_id not in seen:
            first.setdefault(fact.external_id, fact)
    fresh = list(first.values())
    created: set[str] = set()
    if fresh:
        resolution = identity.resolve(source, fresh)
        _ask_orders(source, fresh, resolution)
        inserted = stream.append(source, fresh, resolution.clients, now)
        # A delivery that raced with this one and lost: its effects are the winner's.
        won = [
            (fact, client)
            for fact, client in zip(fresh, resolution.clients, strict=True)
            if fact.external_id in inserted
        ]
        created = set(inserted)
        _project(source, won, resolution, now)
        seen |= inserted
        if len(inserted) < len(fresh):
            seen |= _known(source, [fact.external_id for fact in fresh if fact.external_id not in inserted])
    answers = []
    for fact in facts:
        event_id, client_id = seen[fact.external_id]
        new = fact.external_id in created and fact is first.get(fact.external_id)
        answers.append(Recorded(event_id, new, client_id))
    return answers


def _ask_orders(source: Source, facts: Sequence[Fact], resolution: identity.Resolution) -> None:
    """A refund names no client, only an order: it is about the order's client.

    Where the order is not known yet, the event is kept under the order's name and joins when the order comes.
    """
    nameless = {
        fact.order.external_id: index
        for index, (fact, client) in enumerate(zip(facts, resolution.clients, strict=True))
        if fact.order and client is None and not fact.who.anonymous
    }
    if nameless:
        found = Order.objects.filter(source=source, external_id__in=nameless).values_list("external_id", "client")
        of_order = dict(found)
        for fact, place in ((fact, index) for index, fact in enumerate(facts)):
            if fact.order and fact.order.external_id in nameless and resolution.clients[place] is None:
                fact.who.anonymous = (f"order:{fact.order.external_id}",)
                resolution.clients[place] = of_order.get(fact.order.external_id)
    resolution.joined += [
        (f"order:{fact.order.external_id}", client)
        for fact, client in zip(facts, resolution.clients, strict=True)
        if fact.order and client is not None and fact.name == "order.created"
    ]


def _known(source: Source, external_ids: list[str]) -> dict[str, tuple[int, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT external_id, id, client_id FROM loyalty_event WHERE source_id = %s AND external_id = ANY(%s)",
            [source.pk, external_ids],
        )
        return {external_id: (event_id, client_id) for external_id, event_id, client_id in cursor.fetchall()}


def _project(
    source: Source, won: list[tuple[Fact, int | None]], resolution: identity.Resolution, now: datetime
) -> None:
    """What the facts say beside having happened: profiles, consent, catalogue, carts, orders, joins, merges."""
    clients.apply(source, won, resolution.created, now)
    products = catalog.upsert(source, [fact for fact, _ in won], now)
    orders.apply_carts(source, won)
    touched = orders.apply_orders(source, won, products)
    if resolution.joined:
        touched += _join(source, resolution.joined)
    places.apply(won, now)
    merges = identity.mergeable(resolution.merges)
    for guest, into in merges:
        merge.merge(guest, into, now)
    if merges:
        merged = [
            Fact(f"client.merged:{guest}:{into}", "client.merged", now, payload={"from": guest, "into": into})
            for guest, into in merges
        ]
        stream.append(stream.platform(), merged, [into for _, into in merges], now)
    if touched or merges:
        settlement.settle(touched, now, clients=[into for _, into in merges])
    followers.follow(won, resolution.created, touched, [into for _, into in merges], now)


def _join(source: Source, joined: list[tuple[str, int]]) -> list[int]:
    """Gives what was kept under anonymous names to their client, and queues it: triggers see the whole history.

    Returns the ids of orders that have a client now.
    """
    names, client_ids = (list(column) for column in zip(*dict(joined).items(), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH n AS (SELECT * FROM unnest(%s::text[], %s::bigint[]) AS n(name, client_id)),
               joined AS (
                 UPDATE loyalty_event e SET client_id = n.client_id FROM n
                 WHERE e.source_id = %s AND e.anonymous_id = n.name AND e.client_id IS NULL
                   AND e.anonymous_id <> ''
                 RETURNING e.id),
               cart AS (
                 UPDATE loyalty_cart c SET client_id = n.client_id FROM n
                 WHERE c.source_id = %s AND c.anonymous_id = n.name AND c.client_id IS NULL),
               ordered AS (
                 UPDATE loyalty_order o SET client_id = n.client_id FROM n
                 WHERE o.source_id = %s AND o.anonymous_id = n.name AND o.client_id IS NULL
                   AND o.anonymous_id <> ''
                 RETURNING o.id),
               unread AS (
                 INSERT INTO loyalty_unreadevent (event_id) SELECT id FROM joined ON CONFLICT DO NOTHING)
               SELECT id FROM ordered""",
            [names, client_ids, source.pk, source.pk, source.pk],
        )
        return [order_id for (order_id,) in cursor.fetchall()]
