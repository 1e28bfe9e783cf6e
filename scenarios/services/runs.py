"""What staff do with single runs: retry, skip a step, finish (semantics §16)."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from messaging.models import Reason
from messaging.services import outbox
from scenarios.engine.live import live
from scenarios.models import RunLog, ScenarioRun

_State = ScenarioRun.State


def retry(run_ids: Collection[int], author: str, now: datetime) -> int:
    """Lets failed runs try their step again, with all tries of a new failure; returns how many.

    A client who has entered the same scenario again meanwhile stays where the newer run is.
    """
    with transaction.atomic():
        runs = [run for run in _held(run_ids) if run.state == _State.FAILED]
        runs = _alone(runs)
        for run in runs:
            run.state, run.due_at, run.failures, run.error = _State.ACTIVE, now, 0, ""
            run.reason, run.finished_at = "", None
        _save(runs, "by_hand_retry", author, now)
    return len(runs)


def skip(run_ids: Collection[int], author: str, now: datetime) -> int:
    """Takes failed or waiting runs past the step where they stand, to the one below; returns how many.

    Where nothing is below, the run is completed. A run whose scenario is not active stays.
    """
    with transaction.atomic():
        active = live()
        runs = [
            run
            for run in _held(run_ids)
            if run.scenario_id in active and run.step_key in active[run.scenario_id].flow.nodes
        ]
        runs = [run for run in runs if run.state == _State.ACTIVE] + _alone(
            [run for run in runs if run.state == _State.FAILED]
        )
        _note(runs, "by_hand_skip", author, now)
        for run in runs:
            below = active[run.scenario_id].flow.nodes[run.step_key].below
            run.failures, run.error, run.waiting, run.reason = 0, "", False, ""
            if below is None:
                run.state, run.due_at, run.finished_at = _State.COMPLETED, None, now
            else:
                run.state, run.due_at, run.finished_at, run.step_key = _State.ACTIVE, now, None, below
        _save(runs, "", author, now)
    return len(runs)


def finish(run_ids: Collection[int], author: str, now: datetime) -> int:
    """Ends active and failed runs where they stand; messages of theirs that wait are withheld. Returns how many."""
    with transaction.atomic():
        runs = [run for run in _held(run_ids) if run.state in (_State.ACTIVE, _State.FAILED)]
        for run in runs:
            run.state, run.due_at, run.waiting = _State.EXITED, None, False
            run.reason, run.finished_at = "by_hand_finish", now
        _save(runs, "by_hand_finish", author, now)
        outbox.withhold_runs([run.pk for run in runs], Reason.RUN_ENDED)
    return len(runs)


def _held(run_ids: Collection[int]) -> list[ScenarioRun]:
    return list(ScenarioRun.objects.select_for_update().filter(pk__in=run_ids).order_by("pk"))


def _alone(runs: list[ScenarioRun]) -> list[ScenarioRun]:
    """Of runs that are to become active: those whose client has no active run in the same scenario, one a client."""
    busy = set(
        ScenarioRun.objects.filter(
            state=_State.ACTIVE, parallel=False, client__in=[run.client_id for run in runs]
        ).values_list("scenario_id", "client_id")
    )
    found = []
    for run in reversed(runs):
        place = (run.scenario_id, run.client_id)
        if run.parallel or place not in busy:
            found.append(run)
            busy.add(place)
    return found


def _save(runs: list[ScenarioRun], kind: str, author: str, now: datetime) -> None:
    ScenarioRun.objects.bulk_update(
        runs, ("state", "due_at", "failures", "error", "reason", "finished_at", "step_key", "waiting"), batch_size=1000
    )
    if kind:
        _note(runs, kind, author, now)


def _note(runs: list[ScenarioRun], reason: str, author: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type, reason,
                                             detail, created_at)
               SELECT r.scenario_id, r.client_id, r.id, v.number, %s, r.step_key, '', %s, %s, %s
               FROM scenarios_scenariorun r JOIN scenarios_scenario s ON s.id = r.scenario_id
               LEFT JOIN scenarios_release v ON v.id = s.live_release_id
               WHERE r.id = ANY(%s) ORDER BY r.id""",
            [RunLog.Kind.BY_HAND, reason, author[:500], now, [run.pk for run in runs]],
        )
