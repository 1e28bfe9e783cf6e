"""A guest turns out to be a client: runs, entries that wait, messages and segments of the guest become the client's.

The room below has moved what it holds (`loyalty.services.merge`) and told it by the event `client.merged`.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from messaging.services import outbox
from scenarios.engine import leave
from scenarios.triggers.base import EventView
from segments.services import membership

EVENT = "client.merged"


def follow(events: Iterable[EventView], now: datetime) -> None:
    """Joins guests with their clients, one after another, in the caller's transaction.

    A run goes on as the client's, unless the client is inside the same scenario, or entered it for the same occasion,
    already: then the guest's run ends with the reason `merged`, and nothing comes twice.
    """
    for event in sorted(events, key=lambda event: event.id):
        _join(int(event.payload["from"]), int(event.payload["into"]), now)


def _join(guest: int, into: int, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM scenarios_scenariorun WHERE client_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [[guest, into]],
        )
        cursor.execute(
            """SELECT g.id FROM scenarios_scenariorun g
               WHERE g.client_id = %(guest)s AND g.state = 'active' AND EXISTS (
                 SELECT 1 FROM scenarios_scenariorun r
                 WHERE r.scenario_id = g.scenario_id AND r.client_id = %(into)s
                   AND (r.occurrence = g.occurrence OR (r.state = 'active' AND NOT r.parallel AND NOT g.parallel)))""",
            {"guest": guest, "into": into},
        )
        leave.stop([run_id for (run_id,) in cursor.fetchall()], "merged", now)
        cursor.execute(
            """UPDATE scenarios_scenariorun g SET client_id = %(into)s
               WHERE g.client_id = %(guest)s AND NOT EXISTS (
                 SELECT 1 FROM scenarios_scenariorun r WHERE r.scenario_id = g.scenario_id
                   AND r.client_id = %(into)s AND r.occurrence = g.occurrence)""",
            {"guest": guest, "into": into},
        )
        cursor.execute("UPDATE scenarios_runlog SET client_id = %s WHERE client_id = %s", [into, guest])
        # Of two clocks of one slot the later base event counts, as it does when one client sets both.
        cursor.execute(
            """WITH guest AS (DELETE FROM scenarios_entryclock WHERE client_id = %(guest)s RETURNING *)
               INSERT INTO scenarios_entryclock AS k (scenario_id, client_id, slot, occurrence, trigger_key, event_id,
                                                      started_at, due_at, context)
               SELECT scenario_id, %(into)s, slot, occurrence, trigger_key, event_id, started_at, due_at, context
               FROM guest
               ON CONFLICT (scenario_id, client_id, slot) DO UPDATE SET
                 occurrence = EXCLUDED.occurrence, trigger_key = EXCLUDED.trigger_key, event_id = EXCLUDED.event_id,
                 started_at = EXCLUDED.started_at, due_at = EXCLUDED.due_at, context = EXCLUDED.context
               WHERE EXCLUDED.started_at > k.started_at""",
            {"guest": guest, "into": into},
        )
    outbox.hand_over(guest, into)
    membership.hand_over(guest, into)
