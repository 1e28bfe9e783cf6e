"""Why a client did, or did not, get what a scenario gives: the whole trace of decisions (semantics §53).

Everything is read from what was written when it was decided — log, runs, messages — and from what the conditions see
now. `why` answers data; `verdict` is its one-sentence sum.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.utils import formats, timezone
from django.utils.translation import gettext as t

from loyalty.event_names import event_label
from loyalty.models import Client, UnreadEvent
from loyalty.services import programme
from messaging.models import Channel, Message, Status
from messaging.services import policy, recipients, rulebook
from messaging.services.policy import Stage
from scenarios.engine import holdout
from scenarios.engine.flow import Flow, flow
from scenarios.models import EntryClock, RunLog, Scenario, ScenarioRun, SendMessage
from scenarios.reasons import reason_label
from scenarios.triggers.base import EventView, Trigger
from segments.services.evaluate import Explanation, explain

LATEST = 5  # events of a trigger, runs of a client


@dataclass(frozen=True, slots=True)
class Check:
    """One question with its answer; `ok` False: it stands in the way, None: it is only told."""

    name: str
    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of the client that a trigger listens to, and what became of it."""

    event_id: int
    name: str
    at: datetime
    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class TriggerTrace:
    """A trigger: what its conditions see now, and what it heard of the client."""

    sentence: str
    conditions: Explanation | None
    heard: list[Heard]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a run's log."""

    at: datetime
    release: int | None
    kind: str
    sentence: str
    reason: str
    detail: str
    channel: str
    status: str
    bonuses: int | None


@dataclass(frozen=True, slots=True)
class RunTrace:
    """One run of the client."""

    run_id: int
    entered_at: datetime
    occurrence: str
    state: str
    stands_on: str
    due_at: datetime | None
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Why:
    """The answer."""

    scenario: str
    client_id: int
    verdict: str
    checks: list[Check]
    triggers: list[TriggerTrace]
    clocks: list[Check]
    refusals: list[Line]
    runs: list[RunTrace]


def why(scenario: Scenario, client_id: int, now: datetime) -> Why:
    """The trace for one client at `now` (UTC), in the current language. Raises LookupError for an unknown client."""
    client = Client.objects.filter(pk=client_id).first()
    if client is None:
        raise LookupError(f"there is no client {client_id}")
    current = flow(scenario.live_release_id) if scenario.live_release_id else None
    sentences = _sentences(current)
    checks = [*_of_scenario(scenario, now), *_of_client(scenario, client, current)]
    triggers = [_trigger(scenario, trigger, client_id, now) for trigger in current.triggers] if current else []
    runs = _runs(scenario, client_id, sentences)
    clocks = [
        Check(t("waits to enter"), None, t("since %(since)s; decided at %(due)s") % {
            "since": _moment(clock.started_at), "due": _moment(clock.due_at)})
        for clock in EntryClock.objects.filter(scenario=scenario, client=client_id).order_by("due_at")
    ]  # fmt: skip
    refusals = _lines(
        RunLog.objects.filter(scenario=scenario, client=client_id, kind=RunLog.Kind.REFUSED).order_by("-pk")[:LATEST],
        sentences,
    )
    if current:
        checks += _of_entry(current, runs, now) + list(_of_messages(current, client_id, now))
    found = Why(scenario.name, client_id, "", checks, triggers, clocks, refusals, runs)
    return Why(scenario.name, client_id, _verdict(found), checks, triggers, clocks, refusals, runs)


def _verdict(found: Why) -> str:
    """The first thing that decides, in one sentence."""
    last = found.runs[0] if found.runs else None
    if last:
        accepted = [line for line in last.lines if line.status in (Status.ACCEPTED, Status.DELIVERED)]
        withheld = [line for line in last.lines if line.status == Status.WITHHELD]
        if accepted:
            words = t("The client got it: %(channel)s, %(at)s.")
            return words % {"channel": Channel(accepted[-1].channel).label, "at": _moment(accepted[-1].at)}
        if withheld:
            return t("The message was not sent: %(reason)s.") % {"reason": withheld[-1].reason}
        if last.state == ScenarioRun.State.ACTIVE:
            words = t("The client is on the way: stands on «%(step)s» until %(due)s.")
            return words % {"step": last.stands_on, "due": _moment(last.due_at) if last.due_at else "—"}
        ends = [line for line in last.lines if line.kind == RunLog.Kind.ENDED]
        reason = ends[-1].reason if ends else ""
        if reason:
            return t("The client entered and left early: %(reason)s.") % {"reason": reason}
        if last.state == ScenarioRun.State.FAILED:
            return t("The client entered, but a step failed; see Problems.")
        return t("The client went the whole way.")
    blocked = next((check for check in found.checks if check.ok is False), None)
    if found.refusals:
        line = found.refusals[0]
        words = t("The client did not enter on %(at)s: %(reason)s.")
        return words % {"at": _moment(line.at), "reason": line.reason}
    if found.clocks:
        return t("The client %(name)s: %(words)s.") % {"name": found.clocks[0].name, "words": found.clocks[0].words}
    if blocked:
        return f"{blocked.name}: {blocked.words}."
    heard = [one for trace in found.triggers for one in trace.heard]
    if heard:
        last_heard = max(heard, key=lambda one: one.at)
        words = t("«%(event)s» of %(at)s did not start the scenario: %(reason)s.")
        return words % {"event": last_heard.name, "at": _moment(last_heard.at), "reason": last_heard.words}
    return t("Nothing happened to the client that would start the scenario.")


def _of_scenario(scenario: Scenario, now: datetime) -> Iterator[Check]:
    active = scenario.status == Scenario.Status.ACTIVE
    yield Check(t("Scenario"), active, str(scenario.get_status_display()))
    release = scenario.live_release
    if release is None:
        yield Check(t("Release"), False, t("never published"))
        return
    words = t("%(number)d, of %(at)s") % {"number": release.number, "at": _moment(release.published_at)}
    yield Check(t("Release"), None, words)
    settings = release.snapshot["settings"]
    for name, late in (("starts_at", False), ("ends_at", True)):
        if settings.get(name):
            moment = datetime.fromisoformat(str(settings[name]))
            label = t("Valid until") if late else t("Valid from")
            yield Check(label, now < moment if late else now >= moment, _moment(moment))


def _of_client(scenario: Scenario, client: Client, current: Flow | None) -> Iterator[Check]:
    if client.merged_into_id:
        yield Check(t("Client"), False, t("merged into client %(id)d") % {"id": client.merged_into_id})
    share = str(current.settings.get("holdout_share", 0)) if current else "0"
    group = holdout.group(client.pk, scenario.salt, share, programme.current().holdout_share)
    if group:
        yield Check(t("Control group"), False, reason_label(f"holdout_{group}"))
    else:
        yield Check(t("Control group"), True, t("in none"))


def _of_entry(current: Flow, runs: list[RunTrace], now: datetime) -> list[Check]:
    """Whether the rules of re-entry would let the client in once more."""
    rules, inside = current.settings, [run for run in runs if run.state == ScenarioRun.State.ACTIVE]
    checks = []
    if inside and not rules["parallel"]:
        checks.append(Check(t("Entering again"), False, reason_label("inside")))
    elif runs and rules["reentry"] == Scenario.Reentry.ONCE:
        checks.append(Check(t("Entering again"), False, str(Scenario.Reentry.ONCE.label)))
    elif runs and rules["reentry"] == Scenario.Reentry.INTERVAL:
        days = int(str(rules["reentry_days"]))
        recent = (now - runs[0].entered_at).days < days
        words = t("not more often than every %(n)d days; last on %(at)s")
        checks.append(Check(t("Entering again"), not recent, words % {"n": days, "at": _moment(runs[0].entered_at)}))
    return checks


def _of_messages(current: Flow, client_id: int, now: datetime) -> Iterator[Check]:
    """The whole policy, as the send asks it, for every channel and topic that the scenario uses."""
    steps = [node.step for node in current.nodes.values() if isinstance(node.step, SendMessage)]
    people, book = recipients.load({client_id}), rulebook.load(now)
    used = {(content.channel, step.topic) for step in steps for content in step.contents()}
    for channel, topic in sorted(used):
        verdict = policy.judge(policy.asks_of(people, channel, topic), book, now, Stage.SHOWING).get(client_id)
        name = f"{Channel(channel).label}, {book.topic(topic).name}"
        if verdict is None:
            exempt = t("may be sent; exempt from quiet hours and caps")
            yield Check(name, True, exempt if book.topic(topic).exempt else t("may be sent"))
        elif verdict.until is None:
            yield Check(name, False, reason_label(verdict.reason))
        else:
            words = {"reason": reason_label(verdict.reason), "until": _moment(verdict.until)}
            yield Check(name, None, t("waits until %(until)s: %(reason)s") % words)


def _trigger(scenario: Scenario, trigger: Trigger, client_id: int, now: datetime) -> TriggerTrace:
    group = trigger.filter_group()
    conditions = explain(group, client_id, now) if group is not None else None
    names = list(trigger.listens_to())
    events = _events(names, client_id, now) if names else []
    said = {
        line.event_id: line
        for line in RunLog.objects.filter(
            scenario=scenario, client=client_id, event__in=[event.id for event in events]
        ).order_by("pk")
    }
    unread = set(UnreadEvent.objects.filter(event__in=[event.id for event in events]).values_list("event", flat=True))
    published = scenario.releases.order_by("number").values_list("published_at", flat=True).first()
    heard = [
        Heard(
            event.id, event_label(event.name), event.occurred_at, *_became(event, trigger, said, unread, published, now)
        )
        for event in events
    ]
    return TriggerTrace(str(trigger.sentence()), conditions, heard)


def _became(
    event: EventView,
    trigger: Trigger,
    said: dict[int | None, RunLog],
    unread: set[int],
    published: datetime | None,
    now: datetime,
) -> tuple[bool | None, str]:
    line = said.get(event.id)
    if line is not None and line.kind == RunLog.Kind.REFUSED:
        words = reason_label(line.reason)
        return False, f"{words}: {line.detail}" if line.reason in ("conditions", "happened") else words
    if line is not None:
        return True, t("the client entered")
    if event.id in unread:
        return None, t("not read yet")
    if published and event.occurred_at < published:
        return False, t("before the scenario was published")
    if not trigger.entries([event], now):
        return False, t("does not fit what the trigger asks of the event")
    return None, t("starts the clock, or was told too late")


def _events(names: list[str], client_id: int, now: datetime) -> list[EventView]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, name, client_id, occurred_at, payload, depth FROM loyalty_event
               WHERE client_id = %s AND name = ANY(%s) AND occurred_at <= %s ORDER BY occurred_at DESC LIMIT %s""",
            [client_id, names, now, LATEST],
        )
        return [
            EventView(event_id, name, own, at, orjson.loads(payload), depth)
            for event_id, name, own, at, payload, depth in cursor.fetchall()
        ]


def _runs(scenario: Scenario, client_id: int, sentences: dict[str, str]) -> list[RunTrace]:
    runs = list(ScenarioRun.objects.filter(scenario=scenario, client=client_id).order_by("-entered_at")[:LATEST])
    by_run: dict[int | None, list[RunLog]] = {}
    for line in RunLog.objects.filter(run__in=runs).select_related("message").order_by("pk"):
        by_run.setdefault(line.run_id, []).append(line)
    return [
        RunTrace(
            run.pk,
            run.entered_at,
            run.occurrence,
            run.state,
            sentences.get(run.step_key, ""),
            run.due_at,
            _lines(by_run.get(run.pk, []), sentences),
        )
        for run in runs
    ]


def _lines(lines: Iterable[RunLog], sentences: dict[str, str]) -> list[Line]:
    found = []
    for line in lines:
        message: Message | None = line.message
        reason = (message.reason if message else "") or line.reason
        found.append(
            Line(
                line.created_at,
                line.release,
                line.kind,
                sentences.get(line.step_key, "") if line.kind != RunLog.Kind.ENDED else "",
                reason_label(reason) if reason else "",
                line.detail,
                message.channel if message else "",
                message.status if message else "",
                line.bonuses,
            )
        )
    return found


def _sentences(current: Flow | None) -> dict[str, str]:
    return {key: str(node.step.sentence()) for key, node in current.nodes.items()} if current else {}


def _moment(moment: datetime) -> str:
    """A moment in the programme's zone, as the current language writes it."""
    local = timezone.localtime(moment, programme.zone())
    return f"{formats.date_format(local, 'DATE_FORMAT')} {local:%H:%M}"


def as_data(found: Why) -> dict[str, Any]:
    """The trace as plain data for JSON; conditions become trees of sentence, holds, seen, parts."""

    def tree(explanation: Explanation | None) -> dict[str, Any] | None:
        if explanation is None:
            return None
        return {
            "sentence": explanation.sentence,
            "holds": explanation.holds,
            "seen": explanation.seen,
            "parts": [tree(part) for part in explanation.parts],
        }

    return {
        "scenario": found.scenario,
        "client_id": found.client_id,
        "verdict": found.verdict,
        "checks": [asdict(check) for check in found.checks],
        "triggers": [
            {
                "sentence": trace.sentence,
                "conditions": tree(trace.conditions),
                "heard": [asdict(heard) for heard in trace.heard],
            }
            for trace in found.triggers
        ],
        "clocks": [asdict(clock) for clock in found.clocks],
        "refusals": [asdict(line) for line in found.refusals],
        "runs": [asdict(run) for run in found.runs],
    }
