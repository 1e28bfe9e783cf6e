"""Changing custom attributes of many clients at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.services import stream


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute of one client: set to a JSON value, cleared (None), or a number added to it (`adds`).

    `key` makes the event of the change unique; `depth` is the chain depth of that event (semantics §18).
    """

    client_id: int
    name: str
    value: Any
    key: str
    adds: bool = False
    depth: int = 0


def lock(client_ids: Iterable[int]) -> None:
    """Locks clients in id order, so that two writers queue and never wait in a ring."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM loyalty_client WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(client_ids)]
        )


def change_many(changes: Sequence[Change], now: datetime) -> dict[int, dict[str, Any]]:
    """Makes the changes in order, set-based, and tells of each by `customer.updated`; returns the attributes by client.

    What is added to and is no number counts as 0. Clients are locked in id order.
    """
    if not changes:
        return {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, attributes FROM loyalty_client WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE""",
            [sorted({change.client_id for change in changes})],
        )
        known: dict[int, dict[str, Any]] = {
            client_id: orjson.loads(attributes) for client_id, attributes in cursor.fetchall()
        }
        for change in changes:
            attributes = known[change.client_id]
            if change.adds:
                before = attributes.get(change.name, 0)
                number = before if isinstance(before, int | float) and not isinstance(before, bool) else 0
                attributes[change.name] = number + change.value
            elif change.value is None:
                attributes.pop(change.name, None)
            else:
                attributes[change.name] = change.value
        cursor.execute(
            """UPDATE loyalty_client c SET attributes = n.attributes::jsonb
               FROM unnest(%s::bigint[], %s::text[]) AS n(id, attributes) WHERE c.id = n.id""",
            [list(known), [orjson.dumps(attributes).decode() for attributes in known.values()]],
        )
        facts = [
            Fact(
                external_id=f"attribute:{change.key}",
                name="customer.updated",
                occurred_at=now,
                payload={"changed": [f"attributes.{change.name}"]},
                depth=change.depth,
            )
            for change in changes
        ]
        stream.append(stream.platform(), facts, [change.client_id for change in changes], now)
    return known
