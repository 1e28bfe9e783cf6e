"""Waking runs that wait for an event (semantics §11).

What a run waits for is the step on which it stands, and that is found through the index on (scenario, client): an event
costs as much as its own client has runs, however many others wait.

None is lost between a wait that begins and an event that comes: the reader of events first holds, for every client
whose event somebody may wait for, that client's runs. A run that is just being moved is thereby waited for and seen
where it stands then; one that is moved later finds the event in the table, which it asks before it sleeps.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection

from scenarios.engine.flow import Flow
from scenarios.engine.live import Live
from scenarios.models import ScenarioRun
from scenarios.triggers.base import EventView

ByName = Mapping[str, Sequence[EventView]]


def hold(scenarios: Iterable[Live], by_name: ByName) -> None:
    """Locks the runs that the events may move, in id order and before anything else is written.

    Whoever advances runs takes them with SKIP LOCKED and so never waits for a reader; readers wait in one order.
    """
    pairs = sorted(
        {
            (scenario.id, event.client_id)
            for scenario in scenarios
            for name in scenario.heeds
            for event in by_name.get(name, ())
        }
    )
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT r.id FROM unnest(%s::bigint[], %s::bigint[]) AS p(scenario_id, client_id)
                   JOIN scenarios_scenariorun r ON r.scenario_id = p.scenario_id AND r.client_id = p.client_id
                   WHERE r.state = 'active' ORDER BY r.id FOR NO KEY UPDATE OF r""",
                [[scenario_id for scenario_id, _ in pairs], [client_id for _, client_id in pairs]],
            )


def look_again(scenario_id: int, flow: Flow, now: datetime) -> int:
    """Makes due every run that waits for an event: after a pause, in which nobody was woken. Returns how many."""
    keys = [key for keys in flow.awaited.values() for key in keys]
    waiting = ScenarioRun.objects.filter(scenario=scenario_id, state=ScenarioRun.State.ACTIVE, waiting=True)
    return waiting.filter(step_key__in=keys, due_at__gt=now).update(due_at=now)


def on_events(scenario: Live, by_name: ByName, now: datetime) -> int:
    """Makes due the runs that wait for one of the events; returns how many. Whether it counts, they decide."""
    told = [
        (event.client_id, key, event.occurred_at)
        for name, keys in scenario.flow.awaited.items()
        for event in by_name.get(name, ())
        for key in keys
    ]
    if not told:
        return 0
    with connection.cursor() as cursor:
        # An event whose clock runs ahead of ours counts when its time comes.
        cursor.execute(
            """UPDATE scenarios_scenariorun r SET due_at = e.due_at
               FROM (SELECT client_id, step_key, greatest(min(occurred_at), %s) AS due_at
                     FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS e(client_id, step_key, occurred_at)
                     GROUP BY client_id, step_key) AS e
               WHERE r.scenario_id = %s AND r.client_id = e.client_id AND r.step_key = e.step_key
                 AND r.state = 'active' AND r.waiting AND r.due_at > e.due_at""",
            [now, *(list(column) for column in zip(*told, strict=True)), scenario.id],
        )
        return cursor.rowcount
