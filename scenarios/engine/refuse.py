"""Writing down who did not enter, and why: a refusal without a log line would be a silent drop (semantics §53)."""

from collections.abc import Sequence
from datetime import datetime

from scenarios.engine.enrol import Candidate
from scenarios.engine.live import Live
from scenarios.models import RunLog


def log_refusals(scenario: Live, refusals: Sequence[tuple[Candidate, str, str]], now: datetime) -> None:
    """One log line for each (candidate, typed reason, its words)."""
    RunLog.objects.bulk_create(
        RunLog(
            scenario_id=scenario.id,
            client_id=candidate.client_id,
            release=scenario.flow.number,
            kind=RunLog.Kind.REFUSED,
            reason=reason,
            detail=words[:500],
            event_id=candidate.event_id,
            created_at=now,
        )
        for candidate, reason, words in refusals
    )
