"""Leaving a scenario before its end."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection

from messaging.models import Reason
from messaging.services import outbox
from scenarios.engine.live import Live
from scenarios.triggers.base import EventView


def on_events(scenario: Live, events: Sequence[EventView], now: datetime) -> int:
    """Ends at once the runs of the clients whom an exit event is about, wherever they stand (semantics §12).

    An event counts when it happened after what started the run, and is not that very event.
    Returns how many runs ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH told AS (
                 SELECT DISTINCT ON (r.id) r.id, e.id AS event_id, e.name
                 FROM unnest(%(clients)s::bigint[], %(ids)s::bigint[], %(names)s::text[], %(times)s::timestamptz[])
                        AS e(client_id, id, name, occurred_at)
                 JOIN scenarios_scenariorun r ON r.client_id = e.client_id AND r.scenario_id = %(scenario)s
                      AND r.state = 'active'
                 WHERE e.occurred_at >= coalesce((r.context ->> 'since')::timestamptz, r.entered_at)
                   AND e.id IS DISTINCT FROM (r.context ->> 'event')::bigint
                 ORDER BY r.id, e.occurred_at),
               held AS (
                 SELECT r.id FROM scenarios_scenariorun r JOIN told ON told.id = r.id WHERE r.state = 'active'
                 ORDER BY r.id FOR UPDATE OF r),
               ended AS (
                 UPDATE scenarios_scenariorun r
                 SET state = 'exited', reason = 'exit_event', due_at = NULL, waiting = false, finished_at = %(now)s
                 FROM held WHERE r.id = held.id RETURNING r.id, r.client_id, r.step_key),
               logged AS (
                 INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type,
                                               reason, detail, event_id, created_at)
                 SELECT %(scenario)s, ended.client_id, ended.id, %(release)s, 'ended', ended.step_key, '', 'exit_event',
                        told.name, told.event_id, %(now)s
                 FROM ended JOIN told ON told.id = ended.id)
               SELECT id FROM ended""",
            {
                "clients": [event.client_id for event in events],
                "ids": [event.id for event in events],
                "names": [event.name for event in events],
                "times": [event.occurred_at for event in events],
                "scenario": scenario.id,
                "release": scenario.flow.number,
                "now": now,
            },
        )
        run_ids = [run_id for (run_id,) in cursor.fetchall()]
    outbox.withhold_runs(run_ids, Reason.EXIT_RULE)
    return len(run_ids)


def stop_all(scenario_id: int, reason: str, now: datetime) -> int:
    """Ends every run of a scenario (archiving); returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH held AS (
                 SELECT id FROM scenarios_scenariorun WHERE scenario_id = %(scenario)s AND state = 'active'
                 ORDER BY id FOR UPDATE),
               ended AS (
                 UPDATE scenarios_scenariorun r
                 SET state = 'exited', reason = %(reason)s, due_at = NULL, waiting = false, finished_at = %(now)s
                 FROM held WHERE r.id = held.id RETURNING r.id, r.client_id, r.step_key),
               logged AS (
                 INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, kind, step_key, step_type, reason,
                                               detail, created_at)
                 SELECT %(scenario)s, client_id, id, 'ended', step_key, '', %(reason)s, '', %(now)s FROM ended)
               SELECT id FROM ended""",
            {"scenario": scenario_id, "reason": reason, "now": now},
        )
        run_ids = [run_id for (run_id,) in cursor.fetchall()]
    outbox.withhold_runs(run_ids, Reason.SCENARIO_INACTIVE)
    return len(run_ids)


def ended_by(run_ids: Collection[int], now: datetime) -> dict[int, str]:
    """Of runs, those that an exit event has already ended though nobody has read it yet (semantics §12)."""
    if not run_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT r.id, e.name FROM scenarios_scenariorun r
               JOIN scenarios_scenario s ON s.id = r.scenario_id
               JOIN scenarios_release v ON v.id = s.live_release_id
               JOIN LATERAL (
                 SELECT name FROM loyalty_event e
                 WHERE e.client_id = r.client_id AND e.occurred_at <= %s
                   AND e.name IN (SELECT jsonb_array_elements_text(v.snapshot -> 'settings' -> 'exit_events'))
                   AND e.occurred_at >= coalesce((r.context ->> 'since')::timestamptz, r.entered_at)
                   AND e.id IS DISTINCT FROM (r.context ->> 'event')::bigint
                 LIMIT 1) AS e ON true
               WHERE r.id = ANY(%s) AND v.snapshot -> 'settings' -> 'exit_events' <> '[]'""",
            [now, list(run_ids)],
        )
        return dict(cursor.fetchall())
