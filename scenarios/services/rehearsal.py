"""Rehearsal: the real engine on a virtual clock, inside a transaction that is rolled back (semantics §52).

A stage is a copy of the scenario that exists in one transaction alone. On it the engine's own functions enrol, advance,
accrue, issue codes and queue messages; no worker sees it, no provider is called, and nothing remains. What the stage
does is read from its own rows — runs, log, messages — before they vanish.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import Min

from loyalty.models import Client
from messaging.models import Fallback, Message, Status
from messaging.services import cascade, last_look
from messaging.services.policy import Stage
from scenarios.engine import advance, clocks, listen, scan
from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.flow import Flow, build
from scenarios.engine.live import Live, on_stage
from scenarios.models import EntryClock, Release, RunLog, Scenario, ScenarioRun
from scenarios.services.publish import draft_document
from scenarios.triggers.base import EventView, Trigger
from segments.services.evaluate import Explanation, explain

# A client's rehearsal ends here even where the scenario would wait longer, or turn around for ever.
HORIZON = timedelta(days=400)
MOMENTS = 500
# The base is rehearsed in steps of this length, and in parts of so many clients: a part holds locks on the accounts to
# which it accrues only while it runs.
TICK = timedelta(hours=1)
PART = 500
# At most so many clients are rehearsed: of a larger base an even sample, and the figures say so.
SAMPLE = 5000


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a client's timeline; texts are what would be said."""

    at: datetime
    kind: str
    step_key: str
    sentence: str
    reason: str
    detail: str
    channel: str = ""
    status: str = ""
    subject: str = ""
    body: str = ""
    bonuses: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one client would go through. `refused`: the reason why the client would not even enter."""

    entered: bool
    refused: str
    holdout: str
    started_by: str
    conditions: Explanation | None
    moments: list[Moment]
    state: str

    def as_data(self) -> dict[str, Any]:
        """The timeline for JSON; conditions as their sentence."""
        told = {column.name: getattr(self, column.name) for column in fields(self)}
        sentence = self.conditions.sentence if self.conditions else None
        return told | {"conditions": sentence, "moments": [asdict(moment) for moment in self.moments]}


@dataclass(slots=True)
class Figures:
    """What the last days would have brought. Counts are of the clients looked at; `scale` leads to the whole base."""

    days: int
    looked_at: int = 0
    base: int = 0
    clients: int = 0
    entries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    bonuses: int = 0
    bonus_clients: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)

    @property
    def scale(self) -> Decimal:
        """By how much the base is larger than what was looked at."""
        return Decimal(self.base) / self.looked_at if self.looked_at else Decimal(1)

    def as_data(self) -> dict[str, Any]:
        """The figures for JSON."""
        values = {column.name: getattr(self, column.name) for column in fields(self)}
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}
        return plain | {"scale": float(self.scale)}


@contextmanager
def stage(scenario: Scenario) -> Iterator[Live]:
    """A copy of the scenario's draft that the engine can run, and that is gone in the end.

    Raises KeyError where the draft names what is gone.
    """
    document = draft_document(scenario)
    with transaction.atomic():
        try:
            copy = Scenario.objects.create(
                name=scenario.name, status=Scenario.Status.ACTIVE, salt=scenario.salt, priority=scenario.priority,
                exit_events=scenario.exit_events,
            )  # fmt: skip
            release = Release.objects.create(scenario=copy, number=1, snapshot=document, published_at=copy.created_at)
            Scenario.objects.filter(pk=copy.pk).update(live_release=release)
            yield on_stage(copy, build(release))
        finally:
            transaction.set_rollback(True)


def for_client(scenario: Scenario, client_id: int, now: datetime) -> Timeline:
    """What the draft would do to one client who entered at `now` (UTC), whether or not a trigger would let them in.

    The newest event of theirs that a trigger listens to starts it, where there is one: texts may speak of it. A wait
    for an event runs into its time limit, for the future is not known. Raises LookupError for an unknown client.
    """
    if not Client.objects.filter(pk=client_id, merged_into=None).exists():
        raise LookupError(f"there is no client {client_id}")
    with stage(scenario) as live:
        trigger, event = _starter(live.flow, client_id, now)
        group = trigger.filter_group() if trigger else None
        conditions = explain(group, client_id, now) if group is not None else None
        context = {"since": now.isoformat()} | ({"event": event.id} if event else {})
        entered = enrol(live, [Candidate(client_id, "rehearsal", context, event.id if event else None)], now)
        moment, seen = now, 0
        while entered and seen < MOMENTS and moment <= now + HORIZON:
            advance.advance(live, moment)
            _deliver(live, moment)
            due = min((at for at in (_next_run(live), _next_message(live)) if at), default=None)
            if due is None:
                break
            moment, seen = max(due, moment), seen + 1
        run = ScenarioRun.objects.filter(scenario=live.id).first()
        return Timeline(
            entered=bool(entered),
            refused="" if entered else str(RunLog.objects.filter(scenario=live.id).values_list("reason", flat=True)[0]),
            holdout=run.holdout if run else "",
            started_by=event.name if event else "",
            conditions=conditions,
            moments=_moments(live),
            state=run.state if run else "",
        )


def _starter(flow: Flow, client_id: int, now: datetime) -> tuple[Trigger | None, EventView | None]:
    """The newest event of the client that starts something, with its trigger; else the first trigger."""
    for trigger in flow.triggers:
        names = list(trigger.listens_to())
        events = _events(names, [client_id], None, now)[-50:] if names else []
        for event in reversed(events):
            if trigger.entries([event], now):
                return trigger, event
    return (flow.triggers[0] if flow.triggers else None), None


def for_base(
    scenario: Scenario,
    now: datetime,
    days: int,
    sample: int = SAMPLE,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Figures:
    """What the draft would have done in the last `days` (of 24 h) before `now` (UTC), from the events that happened.

    Conditions are asked as of the virtual moment; profiles, balances and segments are as they are now. Clients of a
    larger base than `sample` are sampled evenly. `progress` is told how many clients of how many are done.
    """
    figures = Figures(days)
    chosen, figures.base = _choose(sample)
    figures.looked_at = len(chosen)
    for start in range(0, len(chosen), PART):
        with stage(scenario) as live:
            _replay(live, chosen[start : start + PART], now - timedelta(days=days), now)
            _count(live, figures)
        progress(min(start + PART, len(chosen)), len(chosen))
    return figures


def _choose(sample: int) -> tuple[list[int], int]:
    """Clients spread evenly over the ids, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM loyalty_client WHERE merged_into_id IS NULL")
        whole = cursor.fetchone()[0]
        cursor.execute(
            """SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM loyalty_client
                               WHERE merged_into_id IS NULL) AS c
               WHERE place * %(sample)s / greatest(%(whole)s, %(sample)s)
                     > (place - 1) * %(sample)s / greatest(%(whole)s, %(sample)s)
               ORDER BY id""",
            {"sample": sample, "whole": whole},
        )
        return [client_id for (client_id,) in cursor.fetchall()], whole


def _replay(live: Live, clients: Sequence[int], since: datetime, until: datetime) -> None:
    """Lets the events of the clients happen again, tick by tick, skipping the hours in which nothing is due."""
    events = _events(list(live.hears()), clients, since, until)
    timed = [trigger for trigger in live.flow.triggers if trigger.timed]
    zones = scan.zones_in_use() if timed else []
    moment, place = since, 0
    while moment < until:
        moment = min(until, moment + TICK)
        if not timed:
            # Nothing but events, clocks and runs makes anything due.
            waiting = [events[place].occurred_at] if place < len(events) else []
            known = (_next_run(live), _next_clock(live), _next_message(live))
            due = min([*waiting, *filter(None, known)], default=None)
            if due is None:
                return
            moment = min(until, max(moment, due))
        told: dict[str, list[EventView]] = {}
        while place < len(events) and events[place].occurred_at <= moment:
            told.setdefault(events[place].name, []).append(events[place])
            place += 1
        if told:
            listen.follow(live, told, moment)
        for trigger in timed:
            scan.enter(live, trigger, clients, moment - TICK, moment, zones)
        clocks.fire(live, moment)
        advance.advance(live, moment)
        _deliver(live, moment)


def _events(names: Sequence[str], clients: Sequence[int], since: datetime | None, until: datetime) -> list[EventView]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, name, client_id, occurred_at, payload, depth FROM loyalty_event
               WHERE client_id = ANY(%(clients)s) AND name = ANY(%(names)s) AND occurred_at <= %(until)s
                 AND (%(since)s::timestamptz IS NULL OR occurred_at > %(since)s)
               ORDER BY occurred_at, id""",
            {"clients": list(clients), "names": list(names), "since": since, "until": until},
        )
        return [
            EventView(event_id, name, client_id, occurred_at, orjson.loads(payload), depth)
            for event_id, name, client_id, occurred_at, payload, depth in cursor.fetchall()
        ]


def _deliver(live: Live, moment: datetime) -> None:
    """Takes the due messages that the policy lets go for sent: conditions and caps below count them.

    No channel is called, and no place is taken from those who really send.
    """
    # Nobody opens or clicks in a rehearsal: every channel of a cascade has its turn.
    cascade.fall_through(moment, scenario_id=live.id)
    due = Message.objects.filter(scenario_id=live.id, status=Status.QUEUED, due_at__lte=moment)
    going = last_look.passed(list(due.order_by("due_at", "pk")), moment, Stage.SHOWING)
    ids = [message.pk for message in going]
    Message.objects.filter(pk__in=ids).update(status=Status.ACCEPTED, reason="", sent_at=moment)


def _next_message(live: Live) -> datetime | None:
    queued = Message.objects.filter(scenario_id=live.id, status=Status.QUEUED)
    reserved = Fallback.objects.filter(message__scenario_id=live.id, at__isnull=False)
    moments = queued.aggregate(at=Min("due_at"))["at"], reserved.aggregate(at=Min("at"))["at"]
    return min(filter(None, moments), default=None)


def _next_run(live: Live) -> datetime | None:
    runs = ScenarioRun.objects.filter(scenario=live.id, state=ScenarioRun.State.ACTIVE)
    return runs.order_by("due_at").values_list("due_at", flat=True).first()


def _next_clock(live: Live) -> datetime | None:
    return EntryClock.objects.filter(scenario=live.id).order_by("due_at").values_list("due_at", flat=True).first()


def _moments(live: Live) -> list[Moment]:
    found = []
    for line in RunLog.objects.filter(scenario=live.id).select_related("message").order_by("pk"):
        node, message = live.flow.nodes.get(line.step_key), line.message
        found.append(
            Moment(
                at=line.created_at,
                kind=line.kind,
                step_key=line.step_key,
                sentence=str(node.step.sentence()) if node and line.kind != RunLog.Kind.ENDED else "",
                reason=(message.reason if message else "") or line.reason,
                detail=line.detail,
                channel=message.channel if message else "",
                status=message.status if message else "",
                subject=message.subject if message else "",
                body=message.body if message else "",
                bonuses=line.bonuses,
            )
        )
    return found


def _count(live: Live, figures: Figures) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT kind, reason, step_key, count(*), count(DISTINCT client_id), coalesce(sum(bonuses), 0)
               FROM scenarios_runlog WHERE scenario_id = %s GROUP BY kind, reason, step_key""",
            [live.id],
        )
        for kind, reason, step_key, lines, clients, bonuses in cursor.fetchall():
            if kind == RunLog.Kind.REFUSED:
                figures.refused[reason] += lines
            elif kind == RunLog.Kind.ENTERED:
                figures.entries += lines
            elif kind == RunLog.Kind.STEP:
                figures.steps[step_key] += lines
            if bonuses:
                figures.bonuses += int(bonuses)
                figures.bonus_clients += clients
        cursor.execute(
            "SELECT state, count(*), count(DISTINCT client_id) FROM scenarios_scenariorun WHERE scenario_id = %s"
            " GROUP BY state",
            [live.id],
        )
        for state, runs, _clients in cursor.fetchall():
            figures.states[state] += runs
        cursor.execute("SELECT count(DISTINCT client_id) FROM scenarios_scenariorun WHERE scenario_id = %s", [live.id])
        figures.clients += cursor.fetchone()[0]
        cursor.execute(
            """SELECT channel, status, reason, count(*) FROM messaging_message WHERE scenario_id = %s
               GROUP BY channel, status, reason""",
            [live.id],
        )
        for channel, status, reason, messages in cursor.fetchall():
            if status == Status.ACCEPTED:
                figures.sent[channel] += messages
            else:
                figures.withheld[reason] += messages
