"""Which branch of an A/B split wins: computed from facts, by the scenario's goal (mechanics AB)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import connection, transaction

from scenarios import properties
from scenarios.engine.live import Goal, Live, live
from scenarios.models import Scenario, Split, SplitWinner
from scenarios.services.statistics import Arm, certainty

# How long after the split a goal counts, where the scenario does not say.
WINDOW = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Variant:
    """One branch: how many clients took it, and how many of them reached the goal afterwards."""

    branch: str
    clients: int
    converted: int

    @property
    def share(self) -> float:
        """The part that converted, 0 to 1."""
        return self.converted / self.clients if self.clients else 0.0


def variants(scenario: Live, step: Split, goal: Goal, now: datetime) -> list[Variant]:
    """Every branch in order. A client counts in the branch that it took first, once."""
    taken = """SELECT DISTINCT ON (l.client_id) l.client_id, l.branch, l.created_at
               FROM scenarios_runlog l WHERE l.scenario_id = %(scenario)s AND l.step_key = %(step)s
                 AND l.kind = 'step' AND l.branch <> '' AND l.created_at <= %(now)s AND l.reason <> 'winner'
               ORDER BY l.client_id, l.id"""
    values: dict[str, Any] = {
        "scenario": scenario.id,
        "step": step.key,
        "now": now,
        "event": goal.event,
        "window": goal.within or WINDOW,
    }
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT branch, count(*) FROM ({taken}) AS t GROUP BY branch", values)  # noqa: S608 (fixed)
        clients: Mapping[str, int] = dict(cursor.fetchall())
        cursor.execute(
            f"""SELECT t.branch, t.client_id, {"e.payload" if goal.filters else "NULL"} FROM ({taken}) AS t
                JOIN loyalty_event e ON e.client_id = t.client_id AND e.name = %(event)s
                 AND e.occurred_at BETWEEN t.created_at AND least(t.created_at + %(window)s, %(now)s)""",  # noqa: S608
            values,
        )
        reached: dict[str, set[int]] = {}
        for branch, client_id, payload in cursor.fetchall():
            if not goal.filters or properties.hold(goal.filters, orjson.loads(payload)):
                reached.setdefault(branch, set()).add(client_id)
    return [Variant(way.key, clients.get(way.key, 0), len(reached.get(way.key, ()))) for way in step.ways()]


def leader(found: Sequence[Variant]) -> tuple[str, float]:
    """The branch with the largest share, and the confidence (0 to 1) that it beats every other one.

    One-sided two-proportion z-tests with pooled variance against each other branch; of k branches the doubts are
    added up (Bonferroni), so that many branches do not make a chance winner.
    """
    best = max(found, key=lambda variant: variant.share)
    doubt = sum(1 - _beats(best, other) for other in found if other is not best)
    return best.branch, max(0.0, 1 - doubt)


def _beats(one: Variant, other: Variant) -> float:
    return certainty(Arm(one.converted, one.clients), Arm(other.converted, other.clients))


def choose(
    scenario: Scenario,
    step_key: str,
    branch: str,
    author: User | None,
    now: datetime,
    confidence: float | None = None,
) -> None:
    """Sends everybody who comes to the split from now on into one branch; the last word counts."""
    SplitWinner.objects.update_or_create(
        scenario=scenario,
        step_key=step_key,
        defaults={"branch": branch, "author": author, "chosen_at": now, "confidence": confidence},
    )


def forget(scenario: Scenario, step_key: str) -> None:
    """The split draws again."""
    SplitWinner.objects.filter(scenario=scenario, step_key=step_key).delete()


def pick_winners(now: datetime) -> int:
    """Chooses winners where a split asks for it and the facts suffice; returns how many. Staff's choices stay."""
    decided = set(SplitWinner.objects.values_list("scenario", "step_key"))
    picked = 0
    for scenario in live().values():
        goal = scenario.rules.goal
        if goal is None:
            continue
        for key, node in scenario.flow.nodes.items():
            step = node.step
            if isinstance(step, Split) and step.pick and (scenario.id, key) not in decided:
                picked += _pick(scenario, step, goal, now)
    return picked


def _pick(scenario: Live, step: Split, goal: Goal, now: datetime) -> bool:
    found = variants(scenario, step, goal, now)
    if min(variant.clients for variant in found) < step.least:
        return False
    branch, confidence = leader(found)
    if confidence * 100 < float(step.confidence):
        return False
    with transaction.atomic():
        choose(Scenario.objects.get(pk=scenario.id), step.key, branch, None, now, confidence)
    return True
