"""Entries that time alone starts: dates, schedules, expiries (semantics §3). Set-based, in bounded batches.

Every timed trigger of every active scenario has a mark (`TriggerScan`) of the moment up to which it was looked at.
A scan asks the trigger what came due since the mark and enrols it batch by batch, each batch in one transaction
with the mark. So a scan may die anywhere and goes on where it was; a scheduler that was away is caught up, for at
most `settings.SCAN_CATCH_UP`; and a doubled scan finds nothing, or the occurrences taken. Triggers answer with
nothing, and no query, until a moment of theirs has come: a tick costs what is due.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection, transaction

from loyalty.services import programme
from scenarios.engine.admit import admit
from scenarios.engine.enrol import Candidate
from scenarios.engine.live import Live, live
from scenarios.models import TriggerScan
from scenarios.triggers.base import Due, Trigger

log = logging.getLogger(__name__)

BATCH = 5000  # clients in one transaction
# A mark that nothing came due for is moved only now and then: a tick of an idle trigger writes nothing.
STRIDE = timedelta(hours=1)


def begin(scenario_id: int, triggers: Iterable[Trigger], now: datetime) -> None:
    """Marks a published scenario's timed triggers: new ones from `now` on, known ones stay where they are."""
    keys = [trigger.key for trigger in triggers if trigger.timed or trigger.backfills]
    TriggerScan.objects.filter(scenario=scenario_id).exclude(trigger_key__in=keys).delete()
    TriggerScan.objects.bulk_create(
        [TriggerScan(scenario_id=scenario_id, trigger_key=key, scanned_until=now) for key in keys],
        ignore_conflicts=True,
    )


def restart(scenario_id: int, now: datetime) -> None:
    """After a pause: what came due meanwhile enters no more (semantics §15)."""
    TriggerScan.objects.filter(scenario=scenario_id).update(
        scanned_until=now, window_until=None, backfill_at=None, after_part="", after_client=0, error=""
    )


def scan_due(now: datetime, limit: int = BATCH) -> int:
    """Scans every timed trigger, one batch each; returns how many clients were looked at (0: nothing is due)."""
    timed = [
        (scenario, trigger)
        for scenario in live().values()
        for trigger in scenario.flow.triggers
        if trigger.timed or trigger.backfills
    ]
    if not timed:
        return 0
    marks = {
        (mark.scenario_id, mark.trigger_key): mark
        for mark in TriggerScan.objects.filter(scenario__in={scenario.id for scenario, _trigger in timed})
    }
    zones = zones_in_use()
    looked_at = 0
    for scenario, trigger in timed:
        mark = marks.get((scenario.id, trigger.key))
        if mark is None:
            begin(scenario.id, scenario.flow.triggers, now)
            continue
        try:
            looked_at += _scan(scenario, trigger, mark, zones, now, limit)
        except OperationalError:
            raise
        except Exception as error:
            # One bad trigger must not stop the others; its mark stays, so it is tried again.
            log.exception("a trigger could not be scanned", extra={"scenario": scenario.id, "trigger": trigger.key})
            words = f"{type(error).__name__}: {error}"[:2000]
            TriggerScan.objects.filter(pk=mark.pk).update(error=words)
    return looked_at


def _scan(
    scenario: Live, trigger: Trigger, mark: TriggerScan, zones: Collection[str], now: datetime, limit: int
) -> int:
    if now <= mark.scanned_until:
        return 0
    if mark.window_until is None and mark.backfill_at is None and not _parts(trigger, mark, zones, now):
        if now - mark.scanned_until >= STRIDE:
            idle = TriggerScan.objects.filter(pk=mark.pk, scanned_until=mark.scanned_until, window_until=None)
            idle.update(scanned_until=now, error="")
        return 0
    with transaction.atomic():
        held = TriggerScan.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=mark.pk).first()
        if held is None or now <= held.scanned_until:
            return 0
        return _batch(scenario, trigger, held, zones, now, limit)


def _parts(trigger: Trigger, mark: TriggerScan, zones: Collection[str], now: datetime) -> list[Due]:
    if mark.backfill_at is not None:
        return sorted(trigger.matching_now(mark.backfill_at, zones), key=lambda part: part.key)
    until = mark.window_until or now
    since = mark.scanned_until
    if until - since > settings.SCAN_CATCH_UP:
        since = until - settings.SCAN_CATCH_UP
        missed = {"trigger": mark.trigger_key, "from": mark.scanned_until.isoformat(), "until": since.isoformat()}
        log.warning("a trigger was not scanned for too long; what came due first is passed over", extra=missed)
    return sorted(trigger.due(since, until, zones), key=lambda part: part.key)


def _batch(
    scenario: Live, trigger: Trigger, mark: TriggerScan, zones: Collection[str], now: datetime, limit: int
) -> int:
    """Enrols one batch of what is due and moves the mark, in the caller's transaction."""
    until, taken = mark.window_until or now, 0
    for part in _parts(trigger, mark, zones, now):
        if part.key < mark.after_part:
            continue
        after = mark.after_client if part.key == mark.after_part else 0
        candidates = _read(part, after, limit - taken)
        admit(scenario, trigger, candidates, now)
        taken += len(candidates)
        if taken >= limit:
            mark.after_part, mark.after_client = part.key, candidates[-1].client_id
            if mark.backfill_at is None:
                mark.window_until = until
            mark.save()
            return taken
    if mark.backfill_at is not None:
        mark.backfill_at, mark.after_part, mark.after_client = None, "", 0
        mark.save()
        return taken
    mark.scanned_until, mark.window_until, mark.after_part, mark.after_client, mark.error = until, None, "", 0, ""
    mark.save()
    return taken


def enter(
    scenario: Live, trigger: Trigger, clients: Sequence[int], since: datetime, until: datetime, zones: Collection[str]
) -> int:
    """Lets those of the clients in who came due in (since, until] (UTC), without a mark: for a rehearsal."""
    entered = 0
    for part in trigger.due(since, until, zones):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT client_id, occurrence, context::text FROM ({part.sql}) AS due
                    WHERE client_id = ANY(%(only)s) ORDER BY client_id""",  # noqa: S608 (of our triggers)
                {**part.params, "only": list(clients)},
            )
            candidates = [Candidate(*row) for row in cursor.fetchall()]
        entered += admit(scenario, trigger, candidates, until)
    return entered


def _read(part: Due, after: int, limit: int) -> list[Candidate]:
    with connection.cursor() as cursor:
        # What is due is few among many, which the planner overrates: compiling would cost more than running.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(
            f"""SELECT client_id, occurrence, context::text FROM ({part.sql}) AS due
                WHERE client_id > %(after_client)s ORDER BY client_id LIMIT %(limit)s""",  # noqa: S608 (of our triggers)
            {**part.params, "after_client": after, "limit": limit},
        )
        return [Candidate(*row) for row in cursor.fetchall()]


def zones_in_use() -> list[str]:
    """The names of all zones that clients live in: one step through an index each, however many clients there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE own AS (
                 (SELECT zone FROM loyalty_client WHERE zone <> '' ORDER BY zone LIMIT 1)
                 UNION ALL
                 SELECT (SELECT c.zone FROM loyalty_client c WHERE c.zone > own.zone AND c.zone <> ''
                         ORDER BY c.zone LIMIT 1)
                 FROM own WHERE own.zone IS NOT NULL)
               SELECT zone FROM own WHERE zone IS NOT NULL
               UNION SELECT zone FROM loyalty_store WHERE zone <> ''"""
        )
        named = {name for (name,) in cursor.fetchall()}
    return sorted(named | {programme.zone().key})
