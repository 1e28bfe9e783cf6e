"""Letting clients in beside what the triggers do: by hand, and those who match when a scenario is activated."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as t

from scenarios.engine import scan
from scenarios.engine.enrol import Candidate, enrol, enrol_segment
from scenarios.engine.live import Live, live
from scenarios.models import Scenario, Trigger, TriggerScan
from scenarios.triggers.base import Due
from segments.models import Membership
from segments.services.evaluate import matching

BATCH = 5000  # clients judged at once


class NotActive(Exception):
    """The scenario takes nobody in: it is not active, or nothing was published; in the current language."""


@dataclass(frozen=True, slots=True)
class Entered:
    """How many entered and how many did not; the log says why."""

    entered: int
    refused: int


def enrol_by_hand(scenario: Scenario, client_ids: Collection[int], occasion: str, now: datetime) -> Entered:
    """Lets clients in, whatever the triggers say; the rules of entry stay in force.

    `occasion` names the deed ("hand:2026-03-10T12:00"): a client enters once for it. Raises `NotActive`.
    """
    running, entered = _running(scenario), 0
    ids = sorted(set(client_ids))
    with transaction.atomic():
        for start in range(0, len(ids), BATCH):
            batch = [Candidate(client_id, _named(occasion), {}) for client_id in ids[start : start + BATCH]]
            entered += enrol(running, batch, now)
    return Entered(entered, len(ids) - entered)


def enrol_segment_by_hand(scenario: Scenario, segment_id: int, occasion: str, now: datetime) -> Entered:
    """Lets in everybody who is in a segment now: one statement, however many they are. Raises `NotActive`."""
    running = _running(scenario)
    with transaction.atomic():
        asked = Membership.objects.filter(segment=segment_id).count()
        entered = enrol_segment(running, segment_id, _named(occasion), now)
    return Entered(entered, asked - entered)


def _named(occasion: str) -> str:
    return f"hand:{occasion}"[:250]


def _running(scenario: Scenario) -> Live:
    running = live().get(scenario.pk)
    if running is None:
        raise NotActive(t("The scenario is not active."))
    return running


def count_matching(triggers: Sequence[Trigger], now: datetime) -> int:
    """How many clients match now whom the triggers would otherwise have let in before, or never (semantics §6).

    Each is counted once, by the conditions as well; the rules of entry are not asked.
    """
    found: set[int] = set()
    zones = scan.zones_in_use()
    for trigger in triggers:
        for part in trigger.matching_now(now, zones):
            ids = _clients(part)
            conditions = trigger.filter_group()
            if conditions is None:
                found |= set(ids)
                continue
            for start in range(0, len(ids), BATCH):
                found |= matching(conditions, ids[start : start + BATCH], now)
    return len(found)


def _clients(part: Due) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT client_id FROM ({part.sql}) AS due ORDER BY client_id", part.params)  # noqa: S608
        return [client_id for (client_id,) in cursor.fetchall()]


def let_matching_in(scenario: Scenario, now: datetime) -> None:
    """Lets those in who match now: the scan does it in batches, from its next tick on. Raises `NotActive`."""
    running = _running(scenario)
    keys = [trigger.key for trigger in running.flow.triggers if trigger.backfills]
    TriggerScan.objects.filter(scenario=scenario, trigger_key__in=keys).update(
        backfill_at=now, after_part="", after_client=0
    )
