"""Promo codes that runs ask for: issued before a run goes on, because what follows may say the code (semantics §42).

Everything else that steps decide is written when the batch has been walked; a code has to be known earlier.
It is issued in the same transaction, so it is taken back with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import connection

from loyalty.models import PromoPool
from loyalty.services import promo
from scenarios.steps.outcomes import IssueCode, Outcome, RunView


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one run's wish: the code, why it is none (or another one), whether the run fails for it."""

    code: str = ""
    reason: str = ""
    failed: bool = False


def settle(decided: Sequence[tuple[RunView, Outcome]], now: datetime) -> dict[int, Settled]:
    """Issues what the outcomes of one step ask for, set-based, into the contexts of the runs; answers by run id."""
    wishes: dict[IssueCode, list[RunView]] = {}
    for run, outcome in decided:
        for effect in outcome.effects:
            if isinstance(effect, IssueCode):
                wishes.setdefault(effect, []).append(run)
    settled: dict[int, Settled] = {}
    for effect, runs in sorted(wishes.items(), key=lambda wish: wish[0].pool_id):
        _issue(effect.pool_id, runs, "", now, settled)
        missed = [run for run in runs if run.id not in settled]
        if missed and effect.instead_id is not None:
            _issue(effect.instead_id, missed, "shared_code", now, settled)
        for run in missed:
            settled.setdefault(run.id, Settled("", "pool_dry", effect.required or effect.instead_id is not None))
    return settled


def _issue(pool_id: int, runs: Sequence[RunView], reason: str, now: datetime, settled: dict[int, Settled]) -> None:
    pool = PromoPool.objects.get(pk=pool_id)
    until = promo.last_day(promo.expiry(pool, now))
    # A run is one link deeper in the chain than what started it (semantics §18).
    asks = {run.id: promo.Ask(run.client_id, f"run:{run.id}:{run.step_key}:{run.visit}", run.depth + 1) for run in runs}
    codes = promo.issue_many(pool_id, list(asks.values()), now)
    told: list[RunView] = []
    for run in runs:
        code = codes[asks[run.id].key]
        if code is not None:
            run.context["promo"] = {"code": code, "until": until, "pool": pool.name}
            settled[run.id] = Settled(code, reason)
            told.append(run)
    _remember(told)


def _remember(runs: Sequence[RunView]) -> None:
    if not runs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE scenarios_scenariorun r SET context = r.context || jsonb_build_object('promo', n.promo::jsonb)
               FROM unnest(%s::bigint[], %s::text[]) AS n(id, promo) WHERE r.id = n.id""",
            [[run.id for run in runs], [orjson.dumps(run.context["promo"]).decode() for run in runs]],
        )
