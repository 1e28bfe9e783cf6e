"""Reading the stream of events: who enters now, whose clock is set, who leaves (semantics §1–3, §12)."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import orjson
from django.db import connection

from loyalty.models import UnreadEvent
from messaging.services import cascade, deeds
from scenarios.engine import leave, merge, notices, wake
from scenarios.engine.admit import admit, candidates_of
from scenarios.engine.isolation import in_isolation
from scenarios.engine.live import Live, live
from scenarios.engine.refuse import log_refusals
from scenarios.triggers.base import Entry, EventView, Trigger
from segments.services import changed

log = logging.getLogger(__name__)

# An event that cannot be read is tried again after this long; it stays in the queue until it can.
RETRY = timedelta(minutes=10)
BATCH = 1000  # events read in one transaction


def read_events(now: datetime, limit: int = BATCH) -> int:
    """Reads a batch of unread events and does what follows from them, in one transaction; returns how many.

    Readers may run side by side: each claims events that no other holds. Nothing here depends on
    the order of two events about one client: a clock is checked against all events when it is due.
    """

    def work(only: Sequence[int] | None, taken: list[int]) -> None:
        events = _claim(now, limit, only)
        taken += [event.id for event in events]
        if events:
            _mark(events, now)
            _follow(events, now)

    return in_isolation(work, lambda event_id, error: _put_off(event_id, error, now))


def _mark(events: Sequence[EventView], now: datetime) -> None:
    """Lets dynamic segments look at whom the events are about; a client who was merged into another leaves them."""
    merged = [event for event in events if event.name == "client.merged"]
    told = [(event.client_id, event.depth) for event in events]
    told += [(event.payload["from"], event.depth) for event in merged if "from" in event.payload]
    changed.mark((changed.Change(client_id, depth) for client_id, depth in told), now)


def _follow(events: Sequence[EventView], now: datetime) -> None:
    by_name: dict[str, list[EventView]] = {}
    for event in events:
        by_name.setdefault(event.name, []).append(event)
    if merge.EVENT in by_name:
        merge.follow(by_name[merge.EVENT], now)
    scenarios = live().values()
    wake.hold(scenarios, by_name)
    for scenario in scenarios:
        follow(scenario, by_name, now)
    notices.tell(events, now)
    # A provider told later that it could not deliver: the next channel of a cascade takes over.
    failed = [event.payload.get("message") for event in by_name.get(deeds.FAILED, ())]
    cascade.hurry([message_id for message_id in failed if isinstance(message_id, int)], now)


def follow(scenario: Live, by_name: wake.ByName, now: datetime) -> None:
    """What follows from events for one scenario: clients enter, clocks are set, runs end or wake."""
    _start(scenario, by_name, now)
    leave.on_events(scenario, by_name, now)
    wake.on_events(scenario, by_name, now)


def _put_off(event_id: int, error: Exception, now: datetime) -> None:
    log.error("an event could not be read", extra={"event": event_id, "reason": type(error).__name__})
    UnreadEvent.objects.filter(event=event_id).update(retry_at=now + RETRY, error=f"{type(error).__name__}: {error}")


def _claim(now: datetime, limit: int, only: Sequence[int] | None) -> list[EventView]:
    chosen = "AND event_id = ANY(%(only)s)" if only is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH claimed AS (
                 DELETE FROM loyalty_unreadevent WHERE event_id IN (
                   SELECT event_id FROM loyalty_unreadevent
                   WHERE (retry_at IS NULL OR retry_at <= %(now)s) {chosen}
                   ORDER BY event_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
                 RETURNING event_id)
               SELECT e.id, e.name, e.client_id, e.occurred_at, e.payload, e.depth
               FROM loyalty_event e JOIN claimed ON claimed.event_id = e.id
               WHERE e.client_id IS NOT NULL ORDER BY e.id""",  # noqa: S608 (two fixed texts)
            {"now": now, "limit": limit, "only": list(only or ())},
        )
        return [
            EventView(event_id, name, client_id, occurred_at, orjson.loads(payload), depth)
            for event_id, name, client_id, occurred_at, payload, depth in cursor.fetchall()
        ]


def _start(scenario: Live, by_name: wake.ByName, now: datetime) -> None:
    for trigger in scenario.flow.triggers:
        events = [event for name in trigger.listens_to() for event in by_name.get(name, ())]
        entries = trigger.entries(events, now) if events else []
        refused = [entry for entry in entries if entry.refusal]
        if refused:
            said = zip(candidates_of(refused), refused, strict=True)
            log_refusals(scenario, [(one, entry.refusal, trigger.sentence()) for one, entry in said], now)
            entries = [entry for entry in entries if not entry.refusal]
        later = [entry for entry in entries if entry.due_at]
        if later:
            _set_clocks(scenario, trigger, later)
        at_once = [entry for entry in entries if not entry.due_at]
        if at_once:
            admit(scenario, trigger, candidates_of(at_once), now)


def _set_clocks(scenario: Live, trigger: Trigger, entries: Sequence[Entry]) -> None:
    """Sets a clock per slot; of two base events the later one counts, in whatever order they are read.

    Entries that merge join the clock of their slot: the first event's time stays, the list of events grows.
    """
    slots: dict[tuple[int, str], Entry] = {}
    for entry in entries:
        slot = (entry.event.client_id, entry.slot or entry.occurrence)
        slots[slot] = _joined(slots[slot], entry) if slot in slots else entry
    for merges in (False, True):
        chosen = sorted(slot for slot, entry in slots.items() if entry.merges == merges)
        if chosen:
            _write_clocks(scenario, trigger, [(client_id, slot, slots[client_id, slot]) for client_id, slot in chosen])


def _joined(one: Entry, other: Entry) -> Entry:
    """What two entries of one slot come to."""
    first, last = sorted((one, other), key=lambda entry: (entry.event.occurred_at, entry.event.id))
    if not one.merges:
        return last
    return replace(first, context={"events": [*first.context["events"], *last.context["events"]]})


def _write_clocks(scenario: Live, trigger: Trigger, clocks: Sequence[tuple[int, str, Entry]]) -> None:
    conflict = _GATHERED if clocks[0][2].merges else _SET_AGAIN
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO scenarios_entryclock AS k (scenario_id, client_id, slot, occurrence, trigger_key, event_id,
                                                       started_at, due_at, context)
                SELECT %s, n.client_id, n.slot, n.occurrence, %s, n.event_id, n.started_at, n.due_at, n.context::jsonb
                FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
                            %s::text[])
                  AS n(client_id, slot, occurrence, event_id, started_at, due_at, context)
                ON CONFLICT (scenario_id, client_id, slot) DO UPDATE SET {conflict}""",  # noqa: S608 (fixed texts)
            [
                scenario.id,
                trigger.key,
                [client_id for client_id, _, _ in clocks],
                [slot for _, slot, _ in clocks],
                [entry.occurrence for _, _, entry in clocks],
                [entry.event.id for _, _, entry in clocks],
                [entry.event.occurred_at for _, _, entry in clocks],
                [entry.due_at for _, _, entry in clocks],
                [orjson.dumps(entry.context).decode() for _, _, entry in clocks],
            ],
        )


_SET_AGAIN = """
  occurrence = EXCLUDED.occurrence, trigger_key = EXCLUDED.trigger_key, event_id = EXCLUDED.event_id,
  started_at = EXCLUDED.started_at, due_at = EXCLUDED.due_at, context = EXCLUDED.context
WHERE EXCLUDED.started_at >= k.started_at"""

# The entry keeps the occurrence and the window of the event that was read first.
_GATHERED = """
  context = jsonb_build_object('events', (k.context -> 'events') || (EXCLUDED.context -> 'events'))"""
