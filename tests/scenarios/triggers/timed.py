"""What tests of time-driven triggers share."""

from datetime import datetime

from scenarios.engine.scan import scan_due
from scenarios.models import Scenario, ScenarioRun, Trigger
from tests import builders as b


def started_by(kind: type[Trigger], since: datetime, **values) -> Scenario:
    """A published scenario that a trigger of this kind starts, in force since a moment."""
    settings = {name: values.pop(name) for name in ("parallel", "reentry", "entry_cap") if name in values}
    conditions = values.pop("conditions", None)
    draft = b.scenario(**settings)
    draft.triggers.all().delete()
    kind.objects.create(scenario=draft, conditions=conditions, **values)
    b.wait(b.trunk(draft), 5, "minutes")
    return b.live(draft, since)


def scan(now: datetime, limit: int = 5000) -> int:
    """Scans until nothing is due, as the job does; returns how many clients were looked at."""
    total = 0
    while looked_at := scan_due(now, limit):
        total += looked_at
    return total


def entered() -> list[tuple[int, str]]:
    """Client and occurrence of every run, in order."""
    return sorted(ScenarioRun.objects.values_list("client", "occurrence"))
