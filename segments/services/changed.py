"""Clients whom dynamic segments have to look at again (semantics §45)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from segments.models import ChangedClient


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to a client: through so many scenarios in a row; and whether scenarios may follow from it."""

    client_id: int
    depth: int = 0
    triggers: bool = True


def mark(changes: Iterable[Change], now: datetime) -> None:
    """Notes changes that were committed by `now` (UTC), or are being in this transaction. Nobody waits, ever.

    Nothing is written while there is no dynamic segment: a new one is computed from everything there is.
    """
    merged: dict[int, tuple[int, bool]] = {}
    for change in changes:
        depth, triggers = merged.get(change.client_id, (0, False))
        merged[change.client_id] = max(depth, change.depth), triggers or change.triggers
    if not merged:
        return
    depths, triggers_ = zip(*merged.values(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO segments_changedclient (client_id, depth, triggers, marked_at)
               SELECT client_id, depth, triggers, %s
               FROM unnest(%s::bigint[], %s::smallint[], %s::boolean[]) AS c(client_id, depth, triggers)
               WHERE EXISTS (SELECT FROM segments_segment WHERE kind = 'dynamic')""",
            [now, list(merged), list(depths), list(triggers_)],
        )


def unqueued(clients: Sequence[int], now: datetime) -> None:
    """The stream's hook for events that no scenario will read (an import's): their clients changed all the same."""
    mark((Change(client_id, triggers=False) for client_id in clients), now)


def take(now: datetime, limit: int) -> list[Change]:
    """Takes up to `limit` marks made by `now` (UTC) off the table, merged by client; call under the segments' locks.

    A later mark tells of facts later than `now`, which an evaluation as of `now` would not see: it is left.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH taken AS (
                 DELETE FROM segments_changedclient WHERE id IN (
                   SELECT id FROM segments_changedclient WHERE marked_at <= %s ORDER BY id LIMIT %s)
                 RETURNING client_id, depth, triggers)
               SELECT client_id, max(depth), bool_or(triggers) FROM taken GROUP BY client_id ORDER BY client_id""",
            [now, limit],
        )
        return [Change(*row) for row in cursor.fetchall()]


class Seen:
    """Whom one refresh has looked at as of its moment, by segment. It remembers so many and no more."""

    LIMIT = 200_000  # clients

    def __init__(self) -> None:
        self._clients: dict[int, list[set[int]]] = {}
        self._room = self.LIMIT

    def add(self, segment_id: int, changes: Sequence[Change]) -> None:
        """Notes that the segment is right about these clients."""
        if self._room >= len(changes):
            self._room -= len(changes)
            self._clients.setdefault(segment_id, []).append({change.client_id for change in changes})

    def without(self, segment_id: int, clients: Sequence[int]) -> list[int]:
        """Those of the clients of whom that was not noted, in their order."""
        noted = self._clients.get(segment_id, [])
        return [client_id for client_id in clients if not any(client_id in ids for ids in noted)]


def forget(now: datetime) -> None:
    """Drops what was marked by `now` (UTC): there is no dynamic segment any more."""
    ChangedClient.objects.filter(marked_at__lte=now).delete()
