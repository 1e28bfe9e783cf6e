"""Moving runs: the heart of the engine (semantics §8–10, §13–16).

One transaction takes a batch of due runs, walks each as far as it goes, and writes everything
together: positions, log, messages, bonuses, segments. A batch that fails is halved until the run
that makes it fail stands alone; that one is retried later and finally marked failed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction

from loyalty.bulk import copy
from loyalty.services import attributes, stream
from loyalty.services.rows import as_json
from messaging.services import recipients
from scenarios.engine.due import due
from scenarios.engine.effects import Ledgers, LogLine
from scenarios.engine.isolation import in_isolation
from scenarios.engine.live import Live, live
from scenarios.engine.settle import settle
from scenarios.models import RunLog, ScenarioRun
from scenarios.steps.outcomes import Batch, Outcome, QueueMessage, RunView

BATCH = 5000  # runs in one transaction
# Waits before a failing step is tried again; after the last one the run is failed (semantics §16).
BACKOFF = [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6)]

_State = ScenarioRun.State


@dataclass(slots=True)
class _Moves:
    """What one batch writes about its runs."""

    # Runs by what they become: most of a batch become the same.
    updates: dict[tuple[Any, ...], list[int]] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    ledgers: Ledgers = field(default_factory=Ledgers)

    def _update(
        self,
        run: RunView,
        state: str,
        due: datetime | None,
        reason: str = "",
        failures: int = 0,
        error: str = "",
    ) -> None:
        times = (run.waiting_since, run.waiting_until)
        become = (state, run.step_key, run.waiting, *times, run.visit, due, reason, failures, error)
        self.updates.setdefault(become, []).append(run.id)

    def rest(self, run: RunView, until: datetime, again: datetime | None, now: datetime) -> None:
        """The run sleeps on its step until then, or is looked at before (`again`)."""
        if not run.waiting:
            run.waiting, run.waiting_since = True, now
        run.waiting_until = until
        self._update(run, _State.ACTIVE, until if again is None else min(until, again))

    def end(self, run: RunView, state: str, reason: str, release: int) -> None:
        run.stand_up()
        self._update(run, state, None, reason)
        self.lines.append(LogLine(run, release, RunLog.Kind.ENDED, "", "", reason))

    def fail(self, run: RunView, words: str, line: LogLine, now: datetime) -> None:
        """Leaves the run where it stands, to be tried again with backoff, finally failed (semantics §16)."""
        failures = run.failures + 1
        given_up = failures > len(BACKOFF)
        state, due = (_State.FAILED, None) if given_up else (_State.ACTIVE, now + BACKOFF[failures - 1])
        run.visit -= not run.waiting  # it does not count as made
        self._update(run, state, due, failures=failures, error=words)
        line.kind, line.reason, line.detail = RunLog.Kind.FAILURE, "failed" if given_up else "retry", words
        self.lines.append(line)


def advance_due(now: datetime, limit: int = BATCH) -> int:
    """Advances up to `limit` due runs, those of the highest priority first; returns how many it took.

    Workers may run side by side: each claims runs that no other holds (semantics §9).
    """
    taken, scenarios = 0, live()
    for scenario_id in due("scenarios_scenariorun", scenarios, now):
        if taken >= limit:
            break
        taken += advance(scenarios[scenario_id], now, limit - taken)
    return taken


def advance(scenario: Live, now: datetime, limit: int = BATCH) -> int:
    """The same for one scenario."""

    def work(only: Sequence[int] | None, taken: list[int]) -> None:
        runs = _claim(scenario, now, limit, only)
        taken += [run.id for run in runs]
        if runs:
            with stream.caused_by(scenario.id):
                _walk(scenario, runs, now)

    return in_isolation(work, lambda run_id, error: _fail(scenario, run_id, error, now))


def _claim(scenario: Live, now: datetime, limit: int, only: Sequence[int] | None = None) -> list[RunView]:
    # The inner query holds the rows in due order; side by side, workers skip each other's.
    chosen = "AND id = ANY(%(only)s)" if only is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT id, scenario_id, client_id, step_key, visits, waiting, depth, entered_at, context,
                       failures, coalesce(due_at < %(stale)s, false), holdout, waiting_since, waiting_until
                FROM scenarios_scenariorun
                WHERE scenario_id = %(scenario)s AND state = 'active' AND due_at <= %(now)s {chosen}
                ORDER BY due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED""",  # noqa: S608 (two fixed texts)
            {
                "scenario": scenario.id,
                "stale": scenario.stale_before,
                "now": now,
                "limit": limit,
                "only": list(only or ()),
            },
        )
        return [
            RunView(*row[:8], orjson.loads(row[8]), *row[9:])  # type: ignore[call-arg]  # the columns are in its order
            for row in cursor.fetchall()
        ]


def _walk(scenario: Live, runs: Sequence[RunView], now: datetime) -> None:
    """Walks the runs as far as they go and writes what follows, within the caller's transaction."""
    client_ids = {run.client_id for run in runs}
    if scenario.flow.locks_clients:
        # One lock for all that the steps change, in one order everywhere: scenarios that join the same segments in
        # opposite orders then queue and never wait in a ring. Accounts come after it (`Work.lock`).
        attributes.lock(client_ids)
    clients = recipients.load(client_ids)
    moves = _Moves()
    moves.ledgers.priority = scenario.priority
    standing: dict[str, list[RunView]] = {}
    for run in runs:
        standing.setdefault(run.step_key, []).append(run)
    while standing:
        key, group = standing.popitem()
        for run, below in _step(scenario, key, Batch(group, clients), now, moves):
            standing.setdefault(below, []).append(run)
    moves.ledgers.write(now)
    _write_runs(moves, now)
    _write_log(moves.lines, now)


def _step(scenario: Live, key: str, batch: Batch, now: datetime, moves: _Moves) -> Iterable[tuple[RunView, str]]:
    """Decides one step for the runs that stand on it; yields those that go on with the key they go on to."""
    flow = scenario.flow
    node = flow.nodes.get(key)
    if node is None:
        # A scenario without steps, or a step that a later release removed and said where its runs go (semantics §14).
        target = flow.moves.get(key, "" if not key else None)
        for run in batch.runs:
            if target:
                run.stand_up()
                run.step_key = target
                yield run, target
            elif target is None:
                moves.end(run, _State.EXITED, "step_removed", flow.number)
            else:
                moves.end(run, _State.COMPLETED, "", flow.number)
        return
    kind = type(node.step).__name__
    for run in batch.runs:
        run.visit += not run.waiting
    decided = [
        (run, _ghostly(outcome) if run.holdout else outcome)
        for run, outcome in zip(batch.runs, node.step.decide(batch, now), strict=True)
    ]
    settled = settle(decided, batch.clients, now)
    for run, outcome in decided:
        line = LogLine(
            run, flow.number, RunLog.Kind.STEP, key, kind, outcome.reason, outcome.detail, branch=outcome.branch or ""
        )
        if done := settled.get(run.id):
            line.reason, line.detail = done.reason or line.reason, done.detail or line.detail
            line.bonuses = done.bonuses
            if done.failed:
                moves.fail(run, done.failed, line, now)
                continue
        moves.ledgers.add(run, outcome.effects, line)
        if outcome.until is not None and outcome.until > now:
            if not run.waiting or outcome.until != run.waiting_until:
                line.detail = outcome.until.isoformat()
                moves.lines.append(line)
            moves.rest(run, outcome.until, outcome.again, now)
            continue
        if not run.waiting or outcome.branch or outcome.reason or outcome.effects:
            moves.lines.append(line)
        run.stand_up()
        if outcome.end:
            moves.end(run, outcome.end, outcome.reason, flow.number)
            continue
        below = _below(node.branches, node.below, outcome)
        if below is None:
            moves.end(run, _State.COMPLETED, "", flow.number)
        else:
            run.step_key = below
            yield run, below


def _ghostly(outcome: Outcome) -> Outcome:
    """What is left for a client who is held out: the way, and the messages that were withheld (semantics §17)."""
    return replace(outcome, effects=tuple(effect for effect in outcome.effects if isinstance(effect, QueueMessage)))


def _below(branches: dict[str, str | None], below: str | None, outcome: Outcome) -> str | None:
    return below if outcome.branch is None else branches[outcome.branch]


_COLUMNS = ("state", "step_key", "waiting", "since", "until", "visits", "due_at", "reason", "failures", "error")


def _write_runs(moves: _Moves, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE scenarios_scenariorun r
               SET state = m.state, step_key = m.step_key, waiting = m.waiting, waiting_since = m.since,
                   waiting_until = m.until, visits = m.visits, due_at = m.due_at, reason = m.reason,
                   failures = m.failures, error = m.error,
                   finished_at = CASE WHEN m.state = 'active' THEN NULL ELSE %s END
               FROM json_to_recordset(%s)
                 AS m(ids bigint[], state text, step_key text, waiting bool, since timestamptz, until timestamptz,
                      visits int, due_at timestamptz, reason text, failures int, error text),
                 unnest(m.ids) AS one(id)
               WHERE r.id = one.id""",
            [
                now,
                as_json(
                    {"ids": ids} | dict(zip(_COLUMNS, become, strict=True)) for become, ids in moves.updates.items()
                ),
            ],
        )


def _write_log(lines: Sequence[LogLine], now: datetime) -> None:
    copy(
        "scenarios_runlog",
        "scenario_id, client_id, run_id, release, kind, step_key, step_type, branch, reason, detail,"
        " message_id, bonuses, created_at",
        (
            (
                line.run.scenario_id, line.run.client_id, line.run.id, line.release, line.kind, line.step_key,
                line.step_type, line.branch, line.reason, line.detail, line.message_id, line.bonuses, now,
            )
            for line in lines
        ),
    )  # fmt: skip


def _fail(scenario: Live, run_id: int, error: Exception, now: datetime) -> None:
    """Puts a run off with backoff, or marks it failed for good; either way the log says why (semantics §16)."""
    words = f"{type(error).__name__}: {error}"[:2000]
    with transaction.atomic():
        run = ScenarioRun.objects.select_for_update().filter(pk=run_id, state=_State.ACTIVE).first()
        if run is None:
            return
        run.failures += 1
        run.error = words
        if run.failures > len(BACKOFF):
            run.state, run.due_at, run.finished_at = _State.FAILED, None, now
        else:
            run.due_at = now + BACKOFF[run.failures - 1]
        run.save(update_fields=["failures", "error", "state", "due_at", "finished_at"])
        RunLog.objects.create(
            scenario_id=scenario.id,
            client_id=run.client_id,
            run=run,
            release=scenario.flow.number,
            kind=RunLog.Kind.FAILURE,
            step_key=run.step_key,
            reason="failed" if run.state == _State.FAILED else "retry",
            detail=words[:500],
            created_at=now,
        )
