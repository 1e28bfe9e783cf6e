"""The rules of entry: who may not enter, and why, as SQL over the candidates `c` (semantics §5, §18)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from scenarios.engine.live import Live
from scenarios.models import Scenario

# Entries by a scenario that an event of a scenario started, and so on: deeper is a loop (semantics §18).
MAX_DEPTH = 5

_INSIDE = (
    "EXISTS (SELECT 1 FROM scenarios_scenariorun r WHERE r.scenario_id = %(scenario)s AND r.client_id = c.client_id"
)

# The stream remembers which scenario caused an event (`stream.caused_by`).
_OWN = """c.depth > 0 AND EXISTS (
  SELECT 1 FROM loyalty_event e WHERE e.id = c.event_id AND e.payload ->> 'caused_by' = %(scenario)s::text)"""

# Once, and once more for each time that staff allowed it (semantics §28).
_ONCE = """'once' || coalesce((SELECT ':' || a.times FROM scenarios_again a
                                WHERE a.scenario_id = %(scenario)s AND a.client_id = c.client_id), '')"""

_RIVAL = """EXISTS (
  SELECT 1 FROM scenarios_scenariorun r
  WHERE r.client_id = c.client_id AND r.scenario_id = ANY(%(above)s)
    AND (r.state = 'active' OR r.entered_at > %(rival_since)s))"""


@dataclass(slots=True)
class Rules:
    """A scenario's rules at one moment. The first refusal that holds is the reason."""

    occurrence: str = "c.occurrence"
    refusals: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    # Scenarios of the same group that have to give way.
    below: list[int] = field(default_factory=list)
    # Advisory locks, in order: rules about other runs than the entry's own are decided by one worker at a time.
    locks: list[str] = field(default_factory=list)
    capped: bool = False

    def refuse(self, reason: str, when: str) -> None:
        self.refusals.append(f"WHEN {when} THEN '{reason}'")


def rules(scenario: Live, now: datetime) -> Rules:
    """The rules of a scenario that are in force at `now` (UTC). One query where it competes with others."""
    said = scenario.flow.settings
    found = Rules(values={"scenario": scenario.id, "max_depth": MAX_DEPTH})
    found.refuse("loop", "c.depth > %(max_depth)s")
    found.refuse("self", _OWN)
    if scenario.starts_at and now < scenario.starts_at:
        found.refuse("not_started", "true")
    if scenario.ends_at and now >= scenario.ends_at:
        found.refuse("ended", "true")
    chain = said.get("kind") == Scenario.Kind.CHAIN
    if said["reentry"] == Scenario.Reentry.ONCE or chain:
        # An occurrence of its own, so that uniqueness decides even between two workers.
        found.occurrence = _ONCE
    found.refuse("entered_before", f"{_INSIDE} AND r.occurrence = {found.occurrence})")
    if said["reentry"] == Scenario.Reentry.INTERVAL and not chain:
        found.values["since"] = now - timedelta(days=int(str(said["reentry_days"])))
        found.refuse("too_soon", f"{_INSIDE} AND r.entered_at > %(since)s)")
        found.locks.append(f"enrol:{scenario.id}")
    if not said["parallel"]:
        found.refuse("inside", f"{_INSIDE} AND r.state = 'active')")
    if said.get("client_cap"):
        found.values["client_cap"] = said["client_cap"]
        counted = _INSIDE.replace("EXISTS (SELECT 1", "(SELECT count(*)", 1)
        found.refuse("often_enough", f"{counted}) >= %(client_cap)s")
        found.locks.append(f"enrol:{scenario.id}")
    if said.get("rivals"):
        _compete(found, scenario, str(said["rivals"]), int(str(said.get("rival_days") or 0)), now)
    if said["entry_cap"] is not None:
        found.capped = True
        found.refuse("cap_reached", "c.place > %(room)s")
        found.locks.append(f"enrol:{scenario.id}")
    return found


def _compete(found: Rules, scenario: Live, group: str, days: int, now: datetime) -> None:
    """Of a group of scenarios a client is in one: the one of the higher priority, else the first that came."""
    others = Scenario.objects.filter(rivals=group).exclude(pk=scenario.id).values_list("pk", "priority")
    found.values["above"] = [pk for pk, priority in others if priority >= scenario.priority]
    found.values["rival_since"] = now - timedelta(days=days)
    found.below = [pk for pk, priority in others if priority < scenario.priority]
    found.refuse("outranked", _RIVAL)
    found.locks.append(f"rivals:{group}")


def hold(found: Rules, entry_cap: object) -> None:
    """Takes the locks that the rules need, in the caller's transaction, and counts what is left under a cap."""
    with connection.cursor() as cursor:
        for name in dict.fromkeys(found.locks):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if found.capped:
            cursor.execute("SELECT count(*) FROM scenarios_scenariorun WHERE scenario_id = %(scenario)s", found.values)
            found.values["room"] = max(0, int(str(entry_cap)) - cursor.fetchone()[0])
