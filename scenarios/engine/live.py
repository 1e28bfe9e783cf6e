"""The scenarios that take part: active ones with a release."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Subquery

from loyalty.models import Programme
from scenarios import properties
from scenarios.engine.flow import Flow, flow
from scenarios.models import Scenario
from scenarios.properties import Filter
from scenarios.triggers.base import EventView

# The event by which a step of another scenario ends a client's run (`steps/others.py`).
STOP = "scenario.stop"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Goal:
    """What the scenario is for: an event, what it has to say, and how long after the entry it counts."""

    event: str
    filters: Sequence[Filter] = ()
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The events that end a run wherever it stands (semantics §12)."""

    exit_events: frozenset[str]
    goal: Goal | None

    @property
    def names(self) -> frozenset[str]:
        """Names of all of them."""
        return self.exit_events | {self.goal.event} if self.goal else self.exit_events

    def is_goal(self, since: datetime, event: EventView) -> bool:
        """Whether the event is the goal of a run that counts from `since`."""
        goal = self.goal
        if goal is None or event.name != goal.event or (goal.within and event.occurred_at > since + goal.within):
            return False
        return properties.hold(goal.filters, event.payload)


def rules_of(settings: Mapping[str, Any]) -> Rules:
    """The rules in a release's settings; releases of before goals have none."""
    goal, days = None, settings.get("goal_days")
    if settings.get("goal_event"):
        within = None if days is None else timedelta(days=days)
        goal = Goal(settings["goal_event"], settings["goal_filters"], within)
    return Rules(frozenset(settings["exit_events"]), goal)


@dataclass(slots=True)
class Live:
    """An active scenario and the flow in force."""

    id: int
    priority: int
    flow: Flow
    rules: Rules
    starts_at: datetime | None
    ends_at: datetime | None
    # What was due before this moment, during a pause, is too late to be said (semantics §15).
    stale_before: datetime | None = None
    salt: str = ""
    # The programme's control group, in percent.
    programme_holdout: Decimal = Decimal(0)

    def hears(self) -> frozenset[str]:
        """Names of the events that may start it or move who is inside."""
        return self.heeds.union(*(trigger.listens_to() for trigger in self.flow.triggers))

    @property
    def heeds(self) -> frozenset[str]:
        """Names of the events that may move runs which are inside."""
        return self.rules.names.union(self.flow.awaited, (STOP,))


def live() -> dict[int, Live]:
    """Every active scenario by id, the highest priority first: one small query and the cached flows."""
    rows = (
        Scenario.objects.filter(status=Scenario.Status.ACTIVE, live_release__isnull=False)
        .annotate(programme_holdout=Subquery(Programme.objects.values("holdout_share")[:1]))
        .order_by("-priority", "pk")
        .values_list("pk", "priority", "live_release_id", "stale_before", "salt", "programme_holdout")
    )
    found = {}
    for scenario_id, priority, release_id, *own in rows:
        try:
            current = flow(release_id)
        except (KeyError, TypeError, ValueError):
            # A release that cannot be rebuilt (a segment it names is gone) must not stop the others.
            log.exception("a release cannot be rebuilt", extra={"scenario": scenario_id, "release": release_id})
            continue
        found[scenario_id] = _live(scenario_id, priority, current, *own)
    return found


def on_stage(scenario: Scenario, current: Flow) -> Live:
    """A scenario that takes part in nothing but its own rehearsal (semantics §52)."""
    share = Programme.objects.values_list("holdout_share", flat=True).first()
    return _live(scenario.pk, scenario.priority, current, None, scenario.salt, share)


def _live(
    scenario_id: int,
    priority: int,
    current: Flow,
    stale_before: datetime | None,
    salt: str,
    programme_holdout: Decimal | None,
) -> Live:
    settings = current.settings
    return Live(
        scenario_id,
        priority,
        current,
        rules_of(settings),
        _moment(settings["starts_at"]),
        _moment(settings["ends_at"]),
        stale_before,
        salt,
        programme_holdout or Decimal(0),
    )


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None
