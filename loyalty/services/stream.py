"""Writing to the stream of facts: the lowest layer, under `events.record` and under the ledger.

What this platform itself does (bonuses, segments, messages) is appended with `append` in the same
transaction as the deed, so that scenarios can follow from it (semantics §1).
"""

from collections.abc import Sequence
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
def _hook(path: str) -> object:
    return import_string(path)


def nudge() -> None:
    """Asks the readers of the stream to look right after the commit; a lost nudge costs one tick (semantics §8)."""
    transaction.on_commit(_hook(settings.EVENTS_NUDGE), robust=True)  # type: ignore[arg-type]  # a dotted path


def append(
    source: Source, facts: Sequence[Fact], client_ids: Sequence[int | None], now: datetime
) -> dict[str, tuple[int, int | None]]:
    """Writes events and their places in the unread queue, in one statement, within the caller's transaction.

    Returns event and client by external id, for those that were not there before. Events of nobody
    known are not queued: they are when they join their client.
    """
    if not facts:
        return {}
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
                        "payload": fact.payload,
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
    return written


def append_selected(source: Source, select: str, params: Sequence[Any], now: datetime) -> int:
    """As `append`, for facts that a SELECT makes: any number of them, none passes through Python.

    `select` gives external_id, name, client_id, occurred_at, payload and triggers. Returns how many were new.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH fact AS ({select}),
               event AS (
                 INSERT INTO loyalty_event (source_id, external_id, name, client_id, anonymous_id, occurred_at,
                                            received_at, payload, depth)
                 SELECT %s, external_id, name, client_id, '', occurred_at, %s, payload, 0 FROM fact
                 ON CONFLICT (source_id, external_id) DO NOTHING
                 RETURNING id, external_id),
               unread AS (
                 INSERT INTO loyalty_unreadevent (event_id)
                 SELECT event.id FROM event JOIN fact USING (external_id) WHERE triggers
                 RETURNING 1)
               SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM unread)""",  # noqa: S608 (of our own code)
            [*params, source.pk, now],
        )
        written, queued = cursor.fetchone()
    if queued:
        nudge()
    return written
