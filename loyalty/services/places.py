"""Where clients are: their last known place, and who came near which store (mechanics T54)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from loyalty.intake.facts import Fact
from loyalty.models import ClientLocation, Store
from loyalty.services import rows, stream
from loyalty.services.distance import metres, within
from loyalty.services.rows import as_json

# Seen near a store longer ago than this, a client has surely been elsewhere in between.
STAY = timedelta(hours=12)


@dataclass(slots=True)
class _Move:
    """A client who was reported somewhere, and where they were before, as far as that still tells anything."""

    fact: Fact
    client_id: int
    latitude: float
    longitude: float
    before: tuple[float, float] | None


def apply(facts: Sequence[tuple[Fact, int | None]], now: datetime) -> None:
    """Keeps the newest place of every client and tells of those who came near a store, set-based.

    Late news moves nobody. A store is entered once a day of the store's zone at most: a signal that jumps to and fro
    over the edge of its area is one visit. Call inside the transaction that records the facts.
    """
    told: dict[int, list[Fact]] = {}
    for fact, client_id in facts:
        if fact.location and client_id is not None:
            told.setdefault(client_id, []).append(fact)
    if not told:
        return
    known = {row.client_id: row for row in _lock(list(told))}
    moves: list[_Move] = []
    for client_id, news in sorted(told.items()):
        moves += _moves(client_id, news, known.get(client_id))
    _keep(moves)
    _tell(moves, now)


def _lock(client_ids: list[int]) -> list[ClientLocation]:
    return rows.locked(ClientLocation, "client_id = ANY(%s)", [client_ids], order="client_id")


def _moves(client_id: int, news: list[Fact], known: ClientLocation | None) -> list[_Move]:
    moves: list[_Move] = []
    place = (known.latitude, known.longitude) if known else None
    at = known.located_at if known else None
    for fact in sorted(news, key=lambda fact: fact.occurred_at):
        if fact.location is None or (at and fact.occurred_at <= at):
            continue
        before = place if at and fact.occurred_at - at <= STAY else None
        moves.append(_Move(fact, client_id, *fact.location, before))
        place, at = fact.location, fact.occurred_at
    return moves


def _keep(moves: Sequence[_Move]) -> None:
    newest = {move.client_id: move for move in moves}
    rows.insert(
        ClientLocation,
        [
            {
                "client_id": client_id,
                "latitude": move.latitude,
                "longitude": move.longitude,
                "located_at": move.fact.occurred_at,
            }
            for client_id, move in newest.items()
        ],
        """(client_id) DO UPDATE SET latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude,
             located_at = EXCLUDED.located_at
           WHERE loyalty_clientlocation.located_at < EXCLUDED.located_at""",
        returning="client_id",
    )


def _tell(moves: Sequence[_Move], now: datetime) -> None:
    told: dict[str, tuple[Fact, int]] = {}
    for place, store, distance in _entered(moves):
        move = moves[place]
        at = move.fact.occurred_at
        key = f"geofence:{move.client_id}:{store.pk}:{store.local(at).date()}"
        payload = {
            "store": store.slug,
            "name": store.name,
            "address": store.address,
            "open": store.is_open(at),
            "distance_m": distance,
        }
        fact = Fact(key, "geofence.entered", at, payload=payload, triggers=move.fact.triggers, depth=move.fact.depth)
        told.setdefault(key, (fact, move.client_id))
    if told:
        facts, clients = zip(*told.values(), strict=True)
        stream.append(stream.platform(), facts, clients, now)


def _entered(moves: Sequence[_Move]) -> list[tuple[int, Store, int]]:
    """Who came near which store: the move's place in `moves`, the store, the distance in metres."""
    if not moves:
        return []
    distance = metres("s.latitude", "s.longitude", "m.latitude", "m.longitude")
    now_there = within("s.latitude", "s.longitude", "m.latitude", "m.longitude", "s.radius_m")
    was_there = within("s.latitude", "s.longitude", "m.from_latitude", "m.from_longitude", "s.radius_m")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT m.place, round(({distance})::numeric)::int, {rows.selected(Store, "s")}
                FROM json_to_recordset(%s) AS m(place int, latitude float8, longitude float8, from_latitude float8,
                                                from_longitude float8)
                JOIN loyalty_store s ON s.active AND {now_there}
                WHERE m.from_latitude IS NULL OR NOT {was_there}
                ORDER BY m.place, s.id""",  # noqa: S608 (fixed texts)
            [as_json(_columns(place, move) for place, move in enumerate(moves))],
        )
        return [(place, rows.load(Store, store), distance) for place, distance, *store in cursor.fetchall()]


def _columns(place: int, move: _Move) -> dict[str, Any]:
    latitude, longitude = move.before or (None, None)
    return {
        "place": place,
        "latitude": move.latitude,
        "longitude": move.longitude,
        "from_latitude": latitude,
        "from_longitude": longitude,
    }


def merge(guest: int, into: int) -> None:
    """Of two clients who are one, the newer place stays."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH gone AS (DELETE FROM loyalty_clientlocation WHERE client_id = %(guest)s
                             RETURNING latitude, longitude, located_at)
               INSERT INTO loyalty_clientlocation AS k (client_id, latitude, longitude, located_at)
               SELECT %(into)s, latitude, longitude, located_at FROM gone
               ON CONFLICT (client_id) DO UPDATE SET latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude,
                 located_at = EXCLUDED.located_at
               WHERE k.located_at < EXCLUDED.located_at""",
            {"guest": guest, "into": into},
        )
