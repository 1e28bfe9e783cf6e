"""Writing down who did not enter, and why: a refusal without a log line would be a silent drop (semantics §53)."""

from collections.abc import Sequence
from datetime import datetime

from scenarios.engine.live import Live
from scenarios.models import RunLog
from scenarios.triggers.base import Entry


def log_refusals(scenario: Live, refusals: Sequence[tuple[Entry, str, str]], now: datetime) -> None:
    """One log line for each (entry, typed reason, its words)."""
    RunLog.objects.bulk_create(
        RunLog(
            scenario_id=scenario.id,
            client_id=entry.event.client_id,
            release=scenario.flow.number,
            kind=RunLog.Kind.REFUSED,
            reason=reason,
            detail=words[:500],
            event_id=entry.event.id,
            created_at=now,
        )
        for entry, reason, words in refusals
    )
