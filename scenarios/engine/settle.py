"""What steps decided is done at once, before the runs go on: what follows reads it (semantics §9, §54).

A condition below sees the segment that was joined, a text below says the code that was issued and the balance
after the accrual. All is written set-based, a kind of effect at a time, in the transaction that moves the runs.
Messages wait for the end of the batch (`engine/effects.py`): nothing below depends on them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from loyalty.intake.facts import Fact
from loyalty.models import PromoPool
from loyalty.services import access, attributes, ledger, order_bonuses, promo, stream
from loyalty.services.order_bonuses import Given
from messaging.services.recipients import Recipient
from scenarios.engine.live import STOP
from scenarios.steps.outcomes import (
    Accrue,
    Effect,
    EndAccess,
    GiveAccess,
    IssueCode,
    Join,
    Leave,
    Outcome,
    Quit,
    Remember,
    RunView,
    SetAttribute,
    Withdraw,
)
from segments.services import membership

# In this ledger's books, whatever scenarios post.
SOURCE = "scenario"


@dataclass(slots=True)
class Settled:
    """What became of one run's step, for the log: a typed reason and its words, bonuses moved, why the run fails."""

    reason: str = ""
    detail: str = ""
    bonuses: int | None = None
    failed: str = ""


@dataclass(slots=True)
class Work:
    """The effects of one kind that one step asks for, and where what became of them is noted."""

    asked: Sequence[tuple[RunView, Any]]
    # Every client of the batch: whoever locks accounts locks all that may follow, in one order.
    clients: dict[int, Recipient]
    settled: dict[int, Settled]
    changed: dict[int, RunView]

    def note(self, run: RunView) -> Settled:
        return self.settled.setdefault(run.id, Settled())

    def remember(self, run: RunView, name: str, value: Any) -> None:
        """Sets a variable for the texts below, in this batch and after any wait."""
        run.context[name] = value
        self.changed[run.id] = run

    def lock(self) -> None:
        """Locks the accounts of the whole batch before those of a part of it: two batches then never wait in a ring."""
        if len(self.asked) < len(self.clients):
            ledger.lock(self.clients)


def settle(
    decided: Sequence[tuple[RunView, Outcome]], clients: dict[int, Recipient], now: datetime
) -> dict[int, Settled]:
    """Does what the outcomes of one step ask for; answers by run id. `clients`: those of the whole batch, kept true."""
    asked: dict[type[Effect], list[tuple[RunView, Effect]]] = {}
    for run, outcome in decided:
        for effect in outcome.effects:
            asked.setdefault(type(effect), []).append((run, effect))
    settled: dict[int, Settled] = {}
    changed: dict[int, RunView] = {}
    for kind, do in _DEEDS:
        if kind in asked:
            do(Work(asked[kind], clients, settled, changed), now)
    _save(changed.values())
    return settled


def _save(runs: Iterable[RunView]) -> None:
    rows = [(run.id, orjson.dumps(run.context, default=str).decode()) for run in runs]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE scenarios_scenariorun r SET context = r.context || n.context::jsonb
                   FROM unnest(%s::bigint[], %s::text[]) AS n(id, context) WHERE r.id = n.id""",
                [list(column) for column in zip(*rows, strict=True)],
            )


def _groups(asked: Sequence[tuple[RunView, Any]]) -> dict[Any, list[RunView]]:
    """The runs by what they ask for."""
    found: dict[Any, list[RunView]] = {}
    for run, effect in asked:
        found.setdefault(effect, []).append(run)
    return found


def _accrue(work: Work, now: datetime) -> None:
    work.lock()
    grants = [
        ledger.Grant(
            client_id=run.client_id,
            amount=effect.amount,
            key=run.key(),
            activates_at=effect.activates_at,
            expires_at=effect.expires_at,
            reason=effect.reason,
            # Everything a run causes is one link deeper in the chain than the run (semantics §18).
            depth=run.depth + 1,
            warn_days=effect.warn_days,
            notify_burn=effect.notify_burn,
        )
        for run, effect in work.asked
    ]
    ledger.accrue_many(SOURCE, grants, now)
    given = [
        Given(run.key(), effect.order_id, effect.percent, effect.amount)
        for run, effect in work.asked
        if effect.order_id is not None and effect.percent is not None
    ]
    order_bonuses.note(SOURCE, given, now)
    for run, effect in work.asked:
        work.note(run).bonuses = effect.amount


def _withdraw(work: Work, now: datetime) -> None:
    work.lock()
    debits = [
        ledger.Debit(run.client_id, effect.amount, run.key(), effect.partly, effect.reason, run.depth + 1)
        for run, effect in work.asked
    ]
    taken = ledger.withdraw_many(SOURCE, debits, now)
    for run, effect in work.asked:
        amount = taken[run.key()]
        note = work.note(run)
        if amount:
            note.bonuses = -amount
        if not amount or (effect.amount or 0) > amount:
            note.reason = "few_bonuses"


def _join(work: Work, now: datetime) -> None:
    _move(work, membership.add, now)


def _leave(work: Work, now: datetime) -> None:
    _move(work, membership.remove, now)


def _move(work: Work, verb: Callable[[int, dict[int, int], datetime], int], now: datetime) -> None:
    moves: dict[int, dict[int, int]] = {}
    for run, effect in work.asked:
        moves.setdefault(effect.segment_id, {})[run.client_id] = run.depth + 1
    for segment_id, clients in sorted(moves.items()):
        verb(segment_id, clients, now)


def _issue_codes(work: Work, now: datetime) -> None:
    for effect, runs in sorted(_groups(work.asked).items(), key=lambda group: group[0].pool_id):
        missed = _issue(work, effect.pool_id, runs, "", now)
        if missed and effect.instead_id is not None:
            missed = _issue(work, effect.instead_id, missed, "shared_code", now)
        for run in missed:
            note = work.note(run)
            note.reason = "pool_dry"
            if effect.required or effect.instead_id is not None:
                note.failed = "PoolDry: no promo codes are left"


def _issue(work: Work, pool_id: int, runs: Sequence[RunView], reason: str, now: datetime) -> list[RunView]:
    """Issues codes of a pool; returns the runs that got none."""
    pool = PromoPool.objects.get(pk=pool_id)
    until = promo.last_day(promo.expiry(pool, now))
    codes = promo.issue_many(pool_id, [promo.Ask(run.client_id, run.key(), run.depth + 1) for run in runs], now)
    missed = []
    for run in runs:
        code = codes[run.key()]
        if code is None:
            missed.append(run)
            continue
        note = work.note(run)
        note.reason, note.detail = reason, code
        work.remember(run, "promo", {"code": code, "until": until, "pool": pool.name})
    return missed


def _give_access(work: Work, now: datetime) -> None:
    asks = [
        access.Access(
            client_id=run.client_id,
            name=effect.name,
            key=run.key(),
            ends_at=effect.ends_at,
            kind=effect.kind,
            link=effect.link,
            depth=run.depth + 1,
        )
        for run, effect in work.asked
    ]
    given = access.grant_many(SOURCE, asks, now)
    for run, effect in work.asked:
        grant = given[run.key()]
        work.note(run).detail = grant.code or grant.link
        until = promo.last_day(grant.ends_at)
        work.remember(
            run, str(effect.kind), {"name": grant.name, "code": grant.code, "url": grant.link, "until": until}
        )


def _end_access(work: Work, now: datetime) -> None:
    for effect, runs in _groups(work.asked).items():
        ended = access.revoke_named(effect.kind, effect.name, {run.client_id: run.depth + 1 for run in runs}, now)
        for run in runs:
            if run.client_id not in ended:
                work.note(run).reason = "no_access"


def _remember(work: Work, now: datetime) -> None:
    for run, effect in work.asked:
        work.remember(run, effect.name, effect.value)


def _set_attributes(work: Work, now: datetime) -> None:
    changes = [
        attributes.Change(run.client_id, effect.name, effect.value, run.key(), effect.adds, run.depth + 1)
        for run, effect in work.asked
    ]
    for client_id, known in attributes.change_many(changes, now).items():
        # What follows in this batch reads the clients as they were loaded.
        work.clients[client_id] = work.clients[client_id]._replace(attributes=orjson.dumps(known).decode())


def _quit(work: Work, now: datetime) -> None:
    # The reader of the stream ends the run: it takes runs in one order, whoever advances them holds some already.
    facts = [
        Fact(
            external_id=f"{STOP}:{run.key()}",
            name=STOP,
            occurred_at=now,
            payload={"scenario": effect.scenario_id},
            depth=run.depth + 1,
        )
        for run, effect in work.asked
    ]
    stream.append(stream.platform(), facts, [run.client_id for run, _ in work.asked], now)


# In this order: whoever moves between segments leaves first.
_DEEDS: tuple[tuple[type[Effect], Callable[[Work, datetime], None]], ...] = (
    (Leave, _leave),
    (Join, _join),
    (Accrue, _accrue),
    (Withdraw, _withdraw),
    (IssueCode, _issue_codes),
    (GiveAccess, _give_access),
    (EndAccess, _end_access),
    (Remember, _remember),
    (SetAttribute, _set_attributes),
    (Quit, _quit),
)
