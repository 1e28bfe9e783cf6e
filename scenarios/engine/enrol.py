"""Entering a scenario (semantics §4–5): set-based, and impossible twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

from scenarios.engine import holdout, leave
from scenarios.engine.live import Live
from scenarios.engine.rules import hold, rules


@dataclass(slots=True)
class Candidate:
    """A client who may enter, for one occurrence."""

    client_id: int
    occurrence: str
    context: dict[str, Any] | str  # as data, or as JSON text already
    event_id: int | None = None
    depth: int = 0


def enrol(scenario: Live, candidates: Sequence[Candidate], now: datetime) -> int:
    """Enrols candidates within the caller's transaction or its own; returns how many entered.

    Everybody else gets a log line with the reason. The occurrence key makes a repetition harmless.
    """
    if not candidates:
        return 0
    columns = [
        [candidate.client_id for candidate in candidates],
        [candidate.occurrence for candidate in candidates],
        [
            candidate.context if isinstance(candidate.context, str) else orjson.dumps(candidate.context).decode()
            for candidate in candidates
        ],
        [candidate.event_id for candidate in candidates],
        [candidate.depth for candidate in candidates],
    ]
    source = """SELECT * FROM unnest(%(clients)s::bigint[], %(occurrences)s::text[], %(contexts)s::text[],
                                     %(events)s::bigint[], %(depths)s::smallint[])
                  AS c(client_id, occurrence, context, event_id, depth)"""
    names = ("clients", "occurrences", "contexts", "events", "depths")
    return _enrol(scenario, source, dict(zip(names, columns, strict=True)), now)


def enrol_segment(scenario: Live, segment_id: int, occurrence: str, now: datetime) -> int:
    """Enrols every client of a segment under one occurrence; the rows never leave the database."""
    source = """SELECT client_id, %(occurrence)s AS occurrence, '{}' AS context, NULL::bigint AS event_id,
                       0::smallint AS depth
                FROM segments_membership WHERE segment_id = %(segment)s"""
    return _enrol(scenario, source, {"segment": segment_id, "occurrence": occurrence}, now)


def _enrol(scenario: Live, source: str, values: dict[str, Any], now: datetime) -> int:
    settings, entry = scenario.flow.settings, rules(scenario, now)
    values |= entry.values | {
        "release": scenario.flow.number,
        "parallel": bool(settings["parallel"]),
        "first": scenario.flow.first or "",
        "now": now,
        "salt": scenario.salt,
        "competes": bool(entry.below),
    }
    held = holdout.group_sql(
        "c.client_id",
        "salt",
        holdout.places(str(settings.get("holdout_share", 0))),
        holdout.places(scenario.programme_holdout),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        hold(entry, settings["entry_cap"])
        values |= entry.values
        cursor.execute(
            f"""WITH candidate AS MATERIALIZED ({source}),
                judged AS MATERIALIZED (
                  SELECT c.*, CASE {" ".join(entry.refusals)} END AS refusal
                  FROM (SELECT *, row_number() OVER () AS place FROM candidate) AS c),
                run AS (
                  INSERT INTO scenarios_scenariorun (scenario_id, client_id, occurrence, state, step_key, waiting,
                    visits, due_at, parallel, context, depth, failures, error, reason, entered_at,
                    holdout)
                  SELECT %(scenario)s, client_id, {entry.occurrence}, 'active', %(first)s, false, 0, %(now)s,
                         %(parallel)s, context::jsonb, depth, 0, '', '', %(now)s, {held}
                  FROM judged AS c WHERE refusal IS NULL
                  -- In one order everywhere, so that two workers with the same candidates never deadlock.
                  ORDER BY client_id, occurrence ON CONFLICT DO NOTHING
                  RETURNING id, client_id, occurrence, holdout),
                logged AS (
                  INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type,
                    reason, detail, event_id, created_at)
                  SELECT %(scenario)s, c.client_id, run.id, %(release)s,
                         CASE WHEN run.id IS NULL THEN 'refused' ELSE 'entered' END, '', '',
                         CASE WHEN run.id IS NULL THEN coalesce(c.refusal, 'inside')
                              WHEN run.holdout <> '' THEN 'holdout_' || run.holdout ELSE '' END, c.occurrence,
                         c.event_id, %(now)s
                  FROM judged AS c
                  LEFT JOIN run ON run.client_id = c.client_id AND run.occurrence = {entry.occurrence}
                                   AND c.refusal IS NULL)
                SELECT count(*), array_agg(client_id) FILTER (WHERE %(competes)s) FROM run""",  # noqa: S608 (fixed texts)
            values,
        )
        entered, clients = cursor.fetchone()
        if clients:
            leave.give_way(entry.below, clients, now)
        return entered
