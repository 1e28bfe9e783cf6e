"""The scenarios that take part: active ones with a release."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Subquery

from loyalty.models import Programme
from scenarios.engine.flow import Flow, flow
from scenarios.models import Scenario

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Live:
    """An active scenario and the flow in force."""

    id: int
    priority: int
    exit_events: Collection[str]
    flow: Flow
    starts_at: datetime | None
    ends_at: datetime | None
    # What was due before this moment, during a pause, is too late to be said (semantics §15).
    stale_before: datetime | None = None
    salt: str = ""
    # The programme's control group, in percent.
    programme_holdout: Decimal = Decimal(0)


def live() -> dict[int, Live]:
    """Every active scenario by id, the highest priority first: one small query and the cached flows."""
    rows = (
        Scenario.objects.filter(status=Scenario.Status.ACTIVE, live_release__isnull=False)
        .annotate(programme_holdout=Subquery(Programme.objects.values("holdout_share")[:1]))
        .order_by("-priority", "pk")
        .values_list("pk", "priority", "live_release_id", "stale_before", "salt", "programme_holdout")
    )
    found = {}
    for scenario_id, priority, release_id, stale_before, salt, programme_holdout in rows:
        try:
            current = flow(release_id)
        except (KeyError, TypeError, ValueError):
            # A release that cannot be rebuilt (a segment it names is gone) must not stop the others.
            log.exception("a release cannot be rebuilt", extra={"scenario": scenario_id, "release": release_id})
            continue
        settings = current.settings
        found[scenario_id] = Live(
            scenario_id,
            priority,
            frozenset(settings["exit_events"]),  # type: ignore[call-overload]
            current,
            _moment(settings["starts_at"]),
            _moment(settings["ends_at"]),
            stale_before,
            salt,
            programme_holdout or Decimal(0),
        )
    return found


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None
