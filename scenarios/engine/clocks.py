"""Entries whose time has come: delays and absences (semantics §3)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson
from django.db import connection

from scenarios.engine.admit import admit, candidates_of
from scenarios.engine.due import due
from scenarios.engine.isolation import in_isolation
from scenarios.engine.live import Live, live
from scenarios.engine.refuse import log_refusals
from scenarios.models import EntryClock
from scenarios.triggers.base import Entry, EventView, Trigger
from scenarios.triggers.merging import merged

log = logging.getLogger(__name__)

# A clock that cannot be fired is tried again after this long.
RETRY = timedelta(minutes=10)
BATCH = 5000  # clocks of one scenario in one transaction


def fire_due(now: datetime, limit: int = BATCH) -> int:
    """Fires the clocks that are due in every active scenario; returns how many were dealt with.

    What would forbid the entry is looked up now, among all events since the base event, read or not.
    """
    scenarios = live()
    return sum(fire(scenarios[scenario_id], now, limit) for scenario_id in due("scenarios_entryclock", scenarios, now))


def fire(scenario: Live, now: datetime, limit: int = BATCH) -> int:
    """The same for one scenario."""

    def work(only: Sequence[int] | None, taken: list[int]) -> None:
        clocks = _claim(scenario.id, now, limit, only)
        taken += [clock.id for clock in clocks]
        known = {trigger.key for trigger in scenario.flow.triggers}
        for trigger in scenario.flow.triggers:
            entries = [clock.entry for clock in clocks if clock.trigger_key == trigger.key]
            if entries:
                _enter(scenario, trigger, entries, now)
        gone = [clock.entry for clock in clocks if clock.trigger_key not in known]
        log_refusals(scenario, [(one, "trigger_removed", "") for one in candidates_of(gone)], now)

    return in_isolation(work, lambda clock_id, error: _put_off(clock_id, error, now))


def _put_off(clock_id: int, error: Exception, now: datetime) -> None:
    log.error("a clock could not be fired", extra={"clock": clock_id, "reason": type(error).__name__})
    EntryClock.objects.filter(pk=clock_id).update(due_at=now + RETRY)


@dataclass(frozen=True, slots=True)
class _Clock:
    id: int
    trigger_key: str
    entry: Entry


def _claim(scenario_id: int, now: datetime, limit: int, only: Sequence[int] | None) -> list[_Clock]:
    chosen = "AND id = ANY(%(only)s)" if only is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH due AS (
                 DELETE FROM scenarios_entryclock WHERE id IN (
                   SELECT id FROM scenarios_entryclock
                   WHERE scenario_id = %(scenario)s AND due_at <= %(now)s {chosen}
                   ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
                 RETURNING id, client_id, slot, occurrence, trigger_key, event_id, started_at, due_at, context)
               SELECT due.id, due.trigger_key, due.client_id, due.slot, due.occurrence, due.event_id, due.started_at,
                      due.due_at, e.name, e.depth, due.context
               FROM due JOIN loyalty_event e ON e.id = due.event_id ORDER BY due.client_id""",  # noqa: S608 (fixed)
            {"scenario": scenario_id, "now": now, "limit": limit, "only": list(only or ())},
        )
        return [
            _Clock(
                row[0],
                row[1],
                Entry(
                    EventView(row[5], row[8], row[2], row[6], {}, row[9]),
                    row[4],
                    row[7],
                    row[3],
                    context=orjson.loads(row[10]),
                ),
            )
            for row in cursor.fetchall()
        ]


def _enter(scenario: Live, trigger: Trigger, entries: Sequence[Entry], now: datetime) -> None:
    broken = _broken(trigger, entries, now)
    kept = [entry for entry in entries if (entry.event.client_id, entry.occurrence) not in broken]
    stopped = [
        (one, "happened", broken[one.client_id, one.occurrence])
        for one in candidates_of(entries)
        if (one.client_id, one.occurrence) in broken
    ]
    log_refusals(scenario, stopped, now)
    admit(scenario, trigger, candidates_of(_gathered(kept)), now)


def _gathered(entries: Sequence[Entry]) -> list[Entry]:
    """Entries of several events with what templates shall know of them: one query."""
    ids = [event_id for entry in entries for event_id in entry.context.get("events", ())]
    if not ids:
        return list(entries)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, payload, depth FROM loyalty_event WHERE id = ANY(%s) ORDER BY occurred_at, id", [ids]
        )
        told = {event_id: (orjson.loads(payload), depth) for event_id, payload, depth in cursor.fetchall()}
    place = {event_id: number for number, event_id in enumerate(told)}
    gathered = []
    for entry in entries:
        own = sorted((place[event_id], event_id) for event_id in entry.context.get("events", ()) if event_id in place)
        events = [told[event_id] for _place, event_id in own]
        context = {**entry.context, "entry": merged([payload for payload, _depth in events])}
        # A loop is as deep as the deepest event that feeds it (semantics §18).
        depth = max((depth for _payload, depth in events), default=entry.event.depth)
        gathered.append(replace(entry, event=replace(entry.event, depth=depth), context=context))
    return gathered


def _broken(trigger: Trigger, entries: Sequence[Entry], now: datetime) -> dict[tuple[int, str], str]:
    """Which entries something that should have stayed absent forbids, and what it was.

    Counted from the base event's own time: an order that is known to have happened before the cart was
    touched again does not forbid the reminder of that cart, unless it names that very cart.
    """
    names = list(trigger.broken_by())
    if not names:
        return {}
    # Where what the events say decides, all of them are looked at; else the first one will do.
    columns, enough = ("name, occurred_at, payload", "") if trigger.picky else ("name, occurred_at, NULL", "LIMIT 1")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT c.client_id, c.occurrence, e.*
               FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[], %s::text[])
                 AS c(client_id, occurrence, since, event_id, cart)
               JOIN LATERAL (
                 SELECT {columns} FROM loyalty_event
                 WHERE client_id = c.client_id AND name = ANY(%s) AND occurred_at <= %s AND id <> c.event_id
                   AND (occurred_at >= c.since OR name = 'order.created' AND payload ->> 'cart_token' = c.cart)
                 ORDER BY occurred_at {enough}) AS e ON true""",  # noqa: S608 (two fixed texts)
            [
                [entry.event.client_id for entry in entries],
                [entry.occurrence for entry in entries],
                [entry.event.occurred_at for entry in entries],
                [entry.event.id for entry in entries],
                [entry.slot.removeprefix("cart:") if entry.slot.startswith("cart:") else None for entry in entries],
                names,
                now,
            ],
        )
        broken: dict[tuple[int, str], str] = {}
        for client_id, occurrence, name, occurred_at, payload in cursor:
            if not trigger.picky or trigger.breaks(orjson.loads(payload)):
                broken.setdefault((client_id, occurrence), f"{name} {occurred_at:%Y-%m-%d %H:%M:%S} UTC")
        return broken
