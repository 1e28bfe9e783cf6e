"""Frequency caps: how many messages clients got lately, and whether there is room for more (semantics §24).

Counted are messages that providers accepted, and those that are on their way to one right now: two workers who send
to the same client at the same moment must not both take the last place. They take turns by client (an advisory lock
until the transaction ends), so that the second sees what the first one claimed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from messaging.models import Status
from messaging.services.rulebook import Cap, Rulebook

# Of our locks in PostgreSQL, those of caps ("caps" in ASCII); clients share so many: a lock is shared memory.
_LOCKS, _LANES = 0x63617073, 4096


class Wish(NamedTuple):
    """A message that wants a place. `key` names it; `since` (UTC): when a cap held it for the first time.

    All attempts of one message, which have the same `family`, take one place under a cap together (semantics §22).
    """

    key: int
    client_id: int
    channel: str
    topic: str
    since: datetime | None = None
    family: tuple[int | None, str, int] | None = None


class _Place(NamedTuple):
    """A place that is taken, since when."""

    at: datetime
    channel: str
    topic: str
    family: tuple[int | None, str, int] | None = None


def full(wishes: Sequence[Wish], book: Rulebook, now: datetime, take: bool) -> dict[int, datetime | None]:
    """Those who find no place at `now` (UTC), by key: when one is free; None: later than they may wait.

    The first ones take the places that there are. With `take` no other worker takes them before the transaction ends.
    Three queries at most, whatever the number of wishes; none where no cap concerns them.
    """
    concerned = {
        wish: applied for wish in wishes if (applied := [c for c in book.caps if c.concerns(wish.channel, wish.topic)])
    }
    if not concerned:
        return {}
    clients = sorted({wish.client_id for wish in concerned})
    if take:
        _take_turns(clients)
    used = {cap for applied in concerned.values() for cap in applied}
    taken = _taken(clients, [wish.key for wish in concerned] if take else [], used, book, now, take)
    held: dict[int, datetime | None] = {}
    for wish, applied in concerned.items():
        everything = taken.setdefault(wish.client_id, [])
        places = [place for place in everything if place.family != wish.family] if wish.family else everything
        frees = [at for cap in applied if (at := _free_at(cap, places, now)) is not None]
        if not frees:
            everything.append(_Place(now, wish.channel, wish.topic, wish.family))
            continue
        until, since = max(frees), wish.since or now
        patience = min(cap.patience for cap in applied if _free_at(cap, places, now) is not None)
        held[wish.key] = until if until <= since + patience else None
    return held


def _free_at(cap: Cap, places: Iterable[_Place], now: datetime) -> datetime | None:
    """When the cap has room again; None: it has room now."""
    times = sorted(
        (place.at for place in places if cap.concerns(place.channel, place.topic) and place.at > now - cap.within),
        reverse=True,
    )
    return times[cap.limit - 1] + cap.within if len(times) >= cap.limit else None


def _take_turns(clients: Sequence[int]) -> None:
    # One order for everybody, or two workers would wait in a ring.
    lanes = sorted({client_id % _LANES for client_id in clients})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, lane) FROM unnest(%s::int[]) AS lane", [_LOCKS, lanes])


def _taken(
    clients: Sequence[int], own: Sequence[int], used: Iterable[Cap], book: Rulebook, now: datetime, take: bool
) -> dict[int, list[_Place]]:
    """The places that clients' messages take, by client; the messages `own` are not counted."""
    reach = max(cap.within for cap in used)
    # Whoever waited for their turn has an older `now` than the message that went meanwhile; a rehearsal of last week
    # knows nothing of today.
    until = None if take else now
    values: dict[str, Any] = {
        "clients": list(clients), "own": list(own), "exempt": book.exempt, "since": now - reach, "until": until,
        "counted": [Status.ACCEPTED.value, Status.DELIVERED.value],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT client_id, sent_at, channel, topic, run_id, step_key, visit FROM messaging_message
               WHERE client_id = ANY(%(clients)s) AND sent_at > %(since)s
                 AND (%(until)s::timestamptz IS NULL OR sent_at <= %(until)s)
                 AND status = ANY(%(counted)s) AND recipient = 'client' AND NOT test AND topic <> ALL(%(exempt)s)
               UNION ALL
               SELECT client_id, claimed_at, channel, topic, run_id, step_key, visit FROM messaging_message
               WHERE status = 'sending' AND client_id = ANY(%(clients)s) AND id <> ALL(%(own)s)
                 AND claimed_at > %(since)s AND recipient = 'client' AND NOT test AND topic <> ALL(%(exempt)s)""",
            values,
        )
        found: dict[int, list[_Place]] = {}
        for client_id, at, channel, topic, *of in cursor.fetchall():
            found.setdefault(client_id, []).append(_Place(at, channel, topic, (of[0], of[1], of[2])))
        return found
