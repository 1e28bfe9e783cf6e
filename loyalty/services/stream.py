"""Writing to the stream of facts: the lowest layer, under `events.record` and under the ledger.

What this platform itself does (bonuses, segments, messages) is appended with `append` in the same
transaction as the deed, so that scenarios can follow from it (semantics §1).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from loyalty.intake.facts import Fact
from loyalty.models import Source
from loyalty.services.rows import as_json


def platform() -> Source:
    """The source of what this platform itself does; created on first use, one by constraint."""
    source, _ = Source.objects.get_or_create(
        kind=Source.Kind.PLATFORM, defaults={"slug": "platform", "name": "Loyalty platform"}
    )
    return source


@cache
def _hook(path: str) -> Callable[..., None]:
    found: Callable[..., None] = import_string(path)
    return found


def nudge() -> None:
    """Asks the readers of the stream to look right after the commit; a lost nudge costs one tick (semantics §8)."""
    transaction.on_commit(_hook(settings.EVENTS_NUDGE), robust=True)


_cause: ContextVar[int | None] = ContextVar("cause", default=None)


@contextmanager
def caused_by(scenario_id: int) -> Iterator[None]:
    """Events appended inside say that this scenario caused them (`caused_by`): it does not start itself (§18)."""
    before = _cause.set(scenario_id)
    try:
        yield
    finally:
        _cause.reset(before)


def append(
    source: Source, facts: Sequence[Fact], client_ids: Sequence[int | None], now: datetime
) -> dict[str, tuple[int, int | None]]:
    """Writes events and their places in the unread queue, in one statement, within the caller's transaction.

    Returns event and client by external id, for those that were not there before. Events of nobody
    known are not queued: they are when they join their client.
    """
    if not facts:
        return {}
    cause = {} if _cause.get() is None else {"caused_by": _cause.get()}
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH fact AS (
                 SELECT * FROM json_to_recordset(%s)
                   AS f(external_id text, name text, client_id bigint, anonymous_id text, occurred_at timestamptz,
                        payload jsonb, raw jsonb, depth smallint, triggers bool)),
               event AS (
                 INSERT INTO loyalty_event (source_id, external_id, name, client_id, anonymous_id, occurred_at,
                                            received_at, payload, raw, depth)
                 SELECT %s, external_id, name, client_id, anonymous_id, occurred_at, %s, payload, raw, depth
                 FROM fact
                 ON CONFLICT (source_id, external_id) DO NOTHING
                 RETURNING id, external_id, client_id),
               unread AS (
                 INSERT INTO loyalty_unreadevent (event_id)
                 SELECT event.id FROM event JOIN fact USING (external_id)
                 WHERE triggers AND event.client_id IS NOT NULL)
               SELECT external_id, id, client_id FROM event""",
            [
                as_json(
                    {
                        "external_id": fact.external_id,
                        "name": fact.name,
                        "client_id": client_id,
                        "anonymous_id": fact.who.anonymous[0] if fact.who.anonymous else "",
                        "occurred_at": fact.occurred_at,
                        "payload": fact.payload | cause,
                        "raw": fact.raw,
                        "depth": fact.depth,
                        "triggers": fact.triggers,
                    }
                    for fact, client_id in zip(facts, client_ids, strict=True)
                ),
                source.pk,
                now,
            ],
        )
        written = {external_id: (event_id, client_id) for external_id, event_id, client_id in cursor.fetchall()}
    if written and any(fact.triggers for fact in facts):
        nudge()
    unqueued = (written[fact.external_id][1] for fact in facts if not fact.triggers and fact.external_id in written)
    if known := sorted({client_id for client_id in unqueued if client_id is not None}):
        _hook(settings.EVENTS_UNQUEUED)(known, now)
    return written


def append_selected(source: Source, select: str, params: Sequence[Any], now: datetime) -> int:
    """As `append`, for facts that a SELECT makes: any number of them, none passes through Python.

    `select` gives external_id, name, client_id, occurred_at, payload and triggers. Returns how many were new.
    """
    told = f"told AS (SELECT fact.*, 0 AS depth FROM ({select}) AS fact)"  # noqa: S608 (of our own code)
    (written,) = append_told(source, told, params, now, "SELECT count(*) FROM event")
    return int(written)


def append_told(source: Source, relations: str, params: Sequence[Any], now: datetime, answer: str) -> tuple[Any, ...]:
    """As `append_selected`, for facts that follow from what the same statement does.

    `relations`: the list of a WITH clause. One of them, `told`, has a row a fact, with the columns of
    `append_selected` and depth. Returns the one row of `answer`, a SELECT over the relations and `event`, the new ones.
    Events and facts are matched by grouping: how many there are, PostgreSQL can only guess, and a join chosen for a few
    would take for ever over many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH {relations},
               event AS (
                 INSERT INTO loyalty_event (source_id, external_id, name, client_id, anonymous_id, occurred_at,
                                            received_at, payload, depth)
                 SELECT %s, external_id, name, client_id, '', occurred_at, %s, payload, depth FROM told
                 ON CONFLICT (source_id, external_id) DO NOTHING
                 RETURNING id, external_id),
               unread AS (
                 INSERT INTO loyalty_unreadevent (event_id)
                 SELECT max(id)
                 FROM (SELECT external_id, id, NULL AS triggers FROM event
                       UNION ALL SELECT external_id, NULL, triggers FROM told) AS fact
                 GROUP BY external_id HAVING bool_or(triggers) AND max(id) IS NOT NULL
                 RETURNING event_id)
               SELECT EXISTS (SELECT FROM unread), answer.* FROM ({answer}) AS answer""",  # noqa: S608 (our own code)
            [*params, source.pk, now],
        )
        queued, *answered = cursor.fetchone()
    if queued:
        nudge()
    return tuple(answered)
