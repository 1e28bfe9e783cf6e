"""Leaving a scenario before its end: the goal is reached, an exit event happened, staff stopped it (semantics §12)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import connection

from messaging.models import Reason
from messaging.services import outbox
from scenarios.engine.live import STOP, Live, Rules
from scenarios.models import ENDED_BY_STEP, ScenarioRun
from scenarios.triggers.base import EventView

# A run counts events from what started it on, that very event left out.
_SINCE = "coalesce((r.context ->> 'since')::timestamptz, r.entered_at), (r.context ->> 'event')::bigint"

_GOES_ON = (ScenarioRun.State.ACTIVE, ScenarioRun.State.COMPLETED)
# What becomes of the messages of a run that an event ended.
_WITHHELD: dict[str, Reason] = {
    ScenarioRun.State.GOAL: Reason.GOAL_REACHED,
    ScenarioRun.State.EXITED: Reason.EXIT_RULE,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A run as the rules of leaving see it: it counts events from `since` on, but not the one that started it."""

    id: int
    client_id: int
    since: datetime
    started_by: int | None


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a run ends, and by which event."""

    run: Standing
    state: str
    reason: str
    event: EventView


def on_events(scenario: Live, by_name: Mapping[str, Sequence[EventView]], now: datetime) -> int:
    """Ends at once the runs whose goal is reached or for which an exit event happened, wherever they stand.

    Returns how many runs ended.
    """
    stops = [event for event in by_name.get(STOP, ()) if event.payload.get("scenario") == scenario.id]
    events = stops + [event for name in scenario.rules.names for event in by_name.get(name, ())]
    if not events:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.id, r.client_id, {_SINCE} FROM scenarios_scenariorun r
                WHERE r.scenario_id = %s AND r.client_id = ANY(%s) AND r.state = 'active'""",  # noqa: S608 (fixed)
            [scenario.id, list({event.client_id for event in events})],
        )
        runs = [Standing(*row) for row in cursor.fetchall()]
    endings = _endings(scenario.rules, runs, events)
    if endings:
        _end(scenario, endings, now)
    for state, reason in _WITHHELD.items():
        outbox.withhold_runs([ending.run.id for ending in endings if ending.state == state], reason)
    return len(endings)


def _endings(rules: Rules, runs: Iterable[Standing], events: Iterable[EventView]) -> list[_Ending]:
    """What the events mean for the runs; where one is both, the goal comes before the exit."""
    of_client: dict[int, list[EventView]] = {}
    for event in sorted(events, key=lambda event: event.occurred_at):
        of_client.setdefault(event.client_id, []).append(event)
    endings = []
    for run in runs:
        told = [
            event
            for event in of_client.get(run.client_id, ())
            if event.occurred_at >= run.since and event.id != run.started_by
        ]
        if reached := next((event for event in told if rules.is_goal(run.since, event)), None):
            endings.append(_Ending(run, ScenarioRun.State.GOAL, "goal", reached))
        elif left := next((event for event in told if event.name in rules.exit_events), None):
            endings.append(_Ending(run, ScenarioRun.State.EXITED, "exit_event", left))
        elif stopped := next((event for event in told if event.name == STOP), None):
            endings.append(_Ending(run, ScenarioRun.State.EXITED, "stopped", stopped))
    return endings


def _end(scenario: Live, endings: Sequence[_Ending], now: datetime) -> None:
    endings = sorted(endings, key=lambda ending: ending.run.id)
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH told AS (
                 SELECT * FROM unnest(%(runs)s::bigint[], %(states)s::text[], %(reasons)s::text[], %(names)s::text[],
                                      %(events)s::bigint[]) AS e(id, state, reason, name, event_id)),
               ended AS (
                 UPDATE scenarios_scenariorun r
                 SET state = told.state, reason = told.reason, due_at = NULL, waiting = false, waiting_since = NULL,
                     waiting_until = NULL, finished_at = %(now)s
                 FROM told WHERE r.id = told.id AND r.state = 'active' RETURNING r.id, r.client_id, r.step_key)
               INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type,
                                             reason, detail, event_id, created_at)
               SELECT %(scenario)s, ended.client_id, ended.id, %(release)s, 'ended', ended.step_key, '', told.reason,
                      told.name, told.event_id, %(now)s
               FROM ended JOIN told ON told.id = ended.id""",
            {
                "runs": [ending.run.id for ending in endings],
                "states": [ending.state for ending in endings],
                "reasons": [ending.reason for ending in endings],
                "names": [ending.event.name for ending in endings],
                "events": [ending.event.id for ending in endings],
                "scenario": scenario.id,
                "release": scenario.flow.number,
                "now": now,
            },
        )


def stop_all(scenario_id: int, reason: str, now: datetime) -> int:
    """Ends every run of a scenario (archiving); returns how many."""
    return _stop("scenario_id = %(of)s", scenario_id, reason, now)


def stop(run_ids: Collection[int], reason: str, now: datetime) -> int:
    """Ends these runs; returns how many were active."""
    return _stop("id = ANY(%(of)s)", list(run_ids), reason, now) if run_ids else 0


def _stop(which: str, of: int | list[int], reason: str, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH held AS (
                 SELECT id FROM scenarios_scenariorun WHERE {which} AND state = 'active' ORDER BY id FOR UPDATE),
               ended AS (
                 UPDATE scenarios_scenariorun r
                 SET state = 'exited', reason = %(reason)s, due_at = NULL, waiting = false, finished_at = %(now)s
                 FROM held WHERE r.id = held.id RETURNING r.id, r.client_id, r.step_key, r.scenario_id),
               logged AS (
                 INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, kind, step_key, step_type, reason,
                                               detail, created_at)
                 SELECT scenario_id, client_id, id, 'ended', step_key, '', %(reason)s, '', %(now)s FROM ended)
               SELECT id FROM ended""",  # noqa: S608 (two fixed texts)
            {"of": of, "reason": reason, "now": now},
        )
        run_ids = [run_id for (run_id,) in cursor.fetchall()]
    outbox.withhold_runs(run_ids, Reason.RUN_ENDED)
    return len(run_ids)


def give_way(scenario_ids: Sequence[int], client_ids: Sequence[int], now: datetime) -> int:
    """Ends the clients' runs in scenarios that a scenario of the same group outranks; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH held AS (
                 SELECT id FROM scenarios_scenariorun
                 WHERE scenario_id = ANY(%(scenarios)s) AND client_id = ANY(%(clients)s) AND state = 'active'
                 ORDER BY id FOR UPDATE),
               ended AS (
                 UPDATE scenarios_scenariorun r
                 SET state = 'exited', reason = 'outranked', due_at = NULL, waiting = false, finished_at = %(now)s
                 FROM held WHERE r.id = held.id RETURNING r.id, r.scenario_id, r.client_id, r.step_key),
               logged AS (
                 INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, kind, step_key, step_type, reason,
                                               detail, created_at)
                 SELECT scenario_id, client_id, id, 'ended', step_key, '', 'outranked', '', %(now)s FROM ended)
               SELECT id FROM ended""",
            {"scenarios": list(scenario_ids), "clients": list(client_ids), "now": now},
        )
        run_ids = [run_id for (run_id,) in cursor.fetchall()]
    outbox.withhold_runs(run_ids, Reason.RUN_ENDED)
    return len(run_ids)


def ended_by(runs: Mapping[Standing, Rules], now: datetime) -> dict[int, Reason]:
    """Of runs, those that an event has already ended though nobody has read it yet: the last look before a send."""
    asked = {run: rules for run, rules in runs.items() if rules.names}
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.id, e.name, e.client_id, e.occurred_at, e.payload, e.depth
               FROM unnest(%s::bigint[], %s::timestamptz[]) AS r(client_id, since)
               JOIN loyalty_event e ON e.client_id = r.client_id AND e.name = ANY(%s)
                    AND e.occurred_at BETWEEN r.since AND %s""",
            [
                [run.client_id for run in asked],
                [run.since for run in asked],
                sorted({name for rules in asked.values() for name in rules.names}),
                now,
            ],
        )
        events = [
            EventView(event_id, name, client_id, occurred_at, orjson.loads(payload), depth)
            for event_id, name, client_id, occurred_at, payload, depth in cursor.fetchall()
        ]
    return {
        run.id: _WITHHELD[ending.state]
        for run, rules in asked.items()
        for ending in _endings(rules, [run], [event for event in events if event.client_id == run.client_id])
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as the last look before a send sees it. `stopped`: what it queued must not be sent any more."""

    stopped: bool
    standing: Standing


def standing(run_ids: Collection[int]) -> dict[int, Seen]:
    """Runs by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.state, r.reason, r.id, r.client_id, {_SINCE} FROM scenarios_scenariorun r"  # noqa: S608 (fixed)
            " WHERE r.id = ANY(%s)",
            [list(run_ids)],
        )
        return {
            row[2]: Seen(row[0] not in _GOES_ON and row[1] not in ENDED_BY_STEP, Standing(*row[2:]))
            for row in cursor.fetchall()
        }
