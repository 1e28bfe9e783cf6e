"""The door: who of those for whom a trigger has come due enters, and why the others do not."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection

from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.live import Live
from scenarios.engine.refuse import log_refusals
from scenarios.triggers.base import Entry, Trigger
from segments.services.evaluate import matching


def candidates_of(entries: Sequence[Entry]) -> list[Candidate]:
    """Those whom events start, as candidates: their runs know the event and since when they count."""
    return [
        Candidate(
            client_id=entry.event.client_id,
            occurrence=entry.occurrence,
            context={"event": entry.event.id, "since": entry.event.occurred_at.isoformat()} | dict(entry.context),
            event_id=entry.event.id,
            depth=entry.event.depth,
        )
        for entry in entries
    ]


def admit(scenario: Live, trigger: Trigger, candidates: Sequence[Candidate], now: datetime) -> int:
    """Enrols those for whom the trigger's conditions hold now; logs why the others did not enter.

    Of a trigger whose conditions choose its audience (`chooses`), the others are no refusals.
    """
    if not candidates:
        return 0
    conditions = trigger.filter_group()
    if conditions is not None:
        fit: Collection[int] = matching(conditions, {candidate.client_id for candidate in candidates}, now)
        if not trigger.chooses:
            unfit = [candidate for candidate in candidates if candidate.client_id not in fit]
            log_refusals(scenario, [(one, "conditions", conditions.sentence()) for one in unfit], now)
        candidates = [candidate for candidate in candidates if candidate.client_id in fit]
    if trigger.family:
        recent = _entered_lately(scenario, trigger, candidates, now)
        log_refusals(
            scenario, [(one, "too_soon", one.occurrence) for one in candidates if one.client_id in recent], now
        )
        candidates = [candidate for candidate in candidates if candidate.client_id not in recent]
    return enrol(scenario, candidates, now)


def _entered_lately(
    scenario: Live, trigger: Trigger, candidates: Sequence[Candidate], now: datetime
) -> Collection[int]:
    """Who entered for another occurrence of the trigger's family within its least gap (semantics §7)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT r.client_id FROM unnest(%s::bigint[], %s::text[]) AS c(client_id, occurrence)
               JOIN scenarios_scenariorun r ON r.scenario_id = %s AND r.client_id = c.client_id
                    AND r.occurrence LIKE %s AND r.occurrence <> c.occurrence AND r.entered_at > %s""",
            [
                [candidate.client_id for candidate in candidates],
                [candidate.occurrence for candidate in candidates],
                scenario.id,
                trigger.family,
                now - trigger.least_gap,
            ],
        )
        return {client_id for (client_id,) in cursor.fetchall()}
