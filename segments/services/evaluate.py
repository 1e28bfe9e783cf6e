"""Applying conditions to clients: many, all, or one with the reasons (semantics §43)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from segments.facts import Asked, Facts, Span, Statement
from segments.models import Condition, Group


@dataclass(frozen=True, slots=True)
class Explanation:
    """A condition as it answered for one client. `seen` is empty for a group: its parts say what they saw."""

    condition: Condition
    sentence: str
    holds: bool
    seen: str
    parts: "tuple[Explanation, ...]"


def matching(condition: Condition, client_ids: Iterable[int], now: datetime) -> set[int]:
    """Those of the clients for whom the condition holds at `now` (UTC): one query, however many they are."""
    facts = Facts(now, set(client_ids))
    asked = facts.ask(condition)
    with connection.cursor() as cursor:
        cursor.execute(*facts.select("c.id", asked.holds))
        return {pk for (pk,) in cursor.fetchall()}


def selection(condition: Condition, now: datetime, clients: Collection[int] | None = None) -> Statement:
    """A SELECT of the ids (column `id`) of all clients for whom the condition holds at `now` (UTC), to be embedded.

    Rows that were merged into another client are no clients. `clients`: of these ids alone.
    """
    facts = Facts(now, clients)
    asked = facts.ask(condition)
    return facts.select("c.id", f"c.merged_into_id IS NULL AND {asked.holds}")


def holding(condition: Condition, client_ids: Collection[int], now: datetime) -> list[int]:
    """Those of the clients for whom the condition holds at `now` (UTC), as `selection` finds them, asked in stages.

    Where all of several conditions must hold, whoever falls at one is not asked about the others: first those that look
    at the client's own row, then at cheap facts, then each of the dear facts (semantics §45: a delta has to be cheap).
    """
    stages = _stages(Facts(now, client_ids), condition)
    left = list(client_ids)
    for stage in range(len(stages)):
        if not left:
            break
        facts = Facts(now, left)
        asked = _stages(facts, condition)[stage]
        names = {name for one in asked for name in one.looks_at()}
        holds = " AND ".join(["c.merged_into_id IS NULL", *(one.holds for one in asked)])
        with connection.cursor() as cursor:
            cursor.execute(*facts.select("c.id", holds, names))
            left = [pk for (pk,) in cursor.fetchall()]
    return left


def _stages(facts: Facts, condition: Condition) -> list[list[Asked]]:
    """The conditions of which each must hold, in the order in which `holding` asks them, cheapest first."""
    stages: dict[tuple[bool, frozenset[str]], list[Asked]] = {}
    for one in _all_of(facts.ask(condition)):
        looks_at = one.looks_at()
        stages.setdefault((bool(looks_at), frozenset(looks_at - facts.cheap)), []).append(one)
    # Each dear fact is a stage; sorting is stable, so they keep the order in which the marketer wrote them.
    return [stages[key] for key in sorted(stages, key=lambda key: (key[0], len(key[1])))]


def _all_of(asked: Asked) -> list[Asked]:
    """Conditions of which each must hold for the whole to hold."""
    if isinstance(asked.condition, Group) and asked.condition.mode == Group.Mode.ALL and asked.parts:
        return [one for part in asked.parts for one in _all_of(part)]
    return [asked]


def explain(condition: Condition, client_id: int, now: datetime) -> Explanation:
    """Why the condition holds for a client at `now` (UTC) or does not, in the current language: one query.

    Raises LookupError where there is no such client.
    """
    facts = Facts(now, [client_id])
    top = facts.ask(condition)
    columns = [column for asked in _walk(top) for column in (asked.holds, *asked.saw.values())]
    with connection.cursor() as cursor:
        cursor.execute(*facts.select(", ".join(columns)))
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"there is no client {client_id}")
    values = iter(row)

    def read(asked: Asked) -> Explanation:
        holds = next(values)
        saw = {name: next(values) for name in asked.saw}
        parts = tuple(read(part) for part in asked.parts)
        return Explanation(asked.condition, str(asked.condition.sentence()), holds, asked.condition.seen(saw), parts)

    return read(top)


def changing(condition: Condition, then: datetime, now: datetime) -> Statement | None:
    """A SELECT of the ids (column `client_id`) of clients whose answer may change merely because time passed.

    From `then` to `now` (UTC), everything else being equal. None: anyone's may.
    """
    span = Span(then, now)
    selects = condition.changing(span)
    if selects is None:
        return None
    return span.statement(" UNION ".join(selects) or "SELECT NULL::bigint AS client_id WHERE FALSE")


def _walk(asked: Asked) -> Iterator[Asked]:
    yield asked
    for part in asked.parts:
        yield from _walk(part)
