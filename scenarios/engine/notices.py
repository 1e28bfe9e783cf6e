"""Telling clients that bonuses burn soon or have burnt, in the words of the step that accrued them (semantics §38).

The ledger says it in the stream, merged by client and day, each lot at most once. Here the reader of the stream
makes messages of it, in the transaction that reads the event; the event is the key of the message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from loyalty.services import programme
from messaging.models import BONUS_NOTICES, Reason
from messaging.services import outbox, policy, recipients, render, rulebook, variables
from messaging.services.policy import Stage
from messaging.services.recipients import Recipient
from scenarios.engine.flow import flow
from scenarios.engine.settle import SOURCE
from scenarios.models import Release, Scenario
from scenarios.steps.lot_terms import LotTerms
from scenarios.triggers.base import EventView

WARNING, BURNT = "bonus.expiring", "bonus.expired"
# Lots burn at midnight; nobody is woken for it.
HOUR = time(10)


@dataclass(frozen=True, slots=True)
class _Notice:
    """What a step says of one event of the ledger."""

    event: EventView
    scenario_id: int
    key: str
    step: LotTerms

    def texts(self) -> tuple[str, str]:
        if self.event.name == WARNING:
            return self.step.warn_subject, self.step.warn_text
        return self.step.burn_subject, self.step.burn_text


def tell(events: Sequence[EventView], now: datetime) -> int:
    """Queues the notices that these events ask for; returns how many. In the caller's transaction."""
    told = [event for event in events if event.name in (WARNING, BURNT)]
    if not told:
        return 0
    found = list(_notices(told))
    by_channel: dict[str, list[_Notice]] = {}
    for notice in found:
        by_channel.setdefault(notice.step.notice_channel, []).append(notice)
    clients = recipients.load({notice.event.client_id for notice in found})
    drafts = [draft for channel, notices in by_channel.items() for draft in _drafts(channel, notices, clients, now)]
    outbox.queue(drafts, now)
    return len(drafts)


def _notices(events: Sequence[EventView]) -> Iterable[_Notice]:
    """One notice an event: in the words of the newest lot whose step has any."""
    origins = _origins({int(lot) for event in events for lot in event.payload.get("lots", ())})
    steps: dict[tuple[int, str], LotTerms | None] = {}
    for event in events:
        for lot in sorted(map(int, event.payload.get("lots", ())), reverse=True):
            if lot not in origins:
                continue
            scenario_id, key, notify_burn = origins[lot]
            if (scenario_id, key) not in steps:
                steps[scenario_id, key] = _step(scenario_id, key)
            step = steps[scenario_id, key]
            if step is None or (event.name == BURNT and not notify_burn):
                continue
            notice = _Notice(event, scenario_id, key, step)
            if notice.texts()[1]:
                yield notice
                break


def _origins(lots: set[int]) -> dict[int, tuple[int, str, bool]]:
    """By lot that a scenario granted: the scenario, the key of the step, whether to tell of the burning."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT l.id, r.scenario_id, split_part(o.key, ':', 3), l.notify_burn
               FROM loyalty_bonuslot l
               JOIN loyalty_bonusoperation o ON o.id = l.operation_id AND o.source = %s AND o.key LIKE 'run:%%'
               JOIN scenarios_scenariorun r ON r.id = split_part(o.key, ':', 2)::bigint
               WHERE l.id = ANY(%s)""",
            [SOURCE, list(lots)],
        )
        return {lot: (scenario_id, key, notify) for lot, scenario_id, key, notify in cursor.fetchall()}


def _step(scenario_id: int, key: str) -> LotTerms | None:
    """The step as the release in force has it; where it was removed since, as the last release that had it."""
    live = Scenario.objects.values_list("live_release_id", flat=True).get(pk=scenario_id)
    older = Release.objects.filter(scenario=scenario_id).order_by("-number").values_list("pk", flat=True)
    for release_id in [live, *older] if live else older:
        try:
            node = flow(release_id).nodes.get(key)
        except (KeyError, TypeError, ValueError):
            continue  # a release that cannot be rebuilt any more: a segment it names is gone
        if node is not None:
            step: object = node.step
            return step if isinstance(step, LotTerms) else None
    return None


def _drafts(
    channel: str, notices: Sequence[_Notice], clients: Mapping[int, Recipient], now: datetime
) -> Iterable[outbox.Draft]:
    topic, scale = BONUS_NOTICES, programme.current().bonus_scale
    concerned = {notice.event.client_id: clients[notice.event.client_id] for notice in notices}
    verdicts = policy.judge(policy.asks_of(concerned, channel, topic), rulebook.load(now), now, Stage.SAYING)
    names = frozenset[str]().union(*(render.compiled(text).names for notice in notices for text in notice.texts()))
    known = variables.load(names, list(concerned), clients, now)
    for notice in notices:
        event, client = notice.event, clients[notice.event.client_id]
        day = date.fromisoformat(str(event.payload["date"]))
        burning = {
            "amount": variables.in_units(int(event.payload["amount"]), scale),
            "date": day.isoformat(),
            "until": (day - timedelta(days=1)).isoformat(),
        }
        verdict = verdicts.get(client.id)
        withheld, error, said = verdict.reason if verdict and not verdict.until else "", "", ("", "")
        if not withheld:
            values, manner = known.of(client.id) | {"burning": burning, "entry": event.payload}, known.manner(client.id)
            subject, body = map(render.compiled, notice.texts())
            try:
                said = subject.render(values, manner), body.render(values, manner)
            except render.RenderError as wrong:
                withheld, error = Reason.RENDER_FAILED, str(wrong)
        draft = outbox.Draft(
            client_id=client.id,
            scenario_id=notice.scenario_id,
            run_id=None,  # the run may be long over: its end takes nothing back
            step_key=notice.key,
            visit=1,
            channel=channel,
            topic=topic,
            address=client.address(channel),
            subject=said[0],
            body=said[1],
            withheld=withheld,
            error=error,
            key=f"notice:{event.id}",
            due_at=_morning(client, now),
        )
        yield draft.wait(verdict) if verdict and verdict.until and not withheld else draft


def _morning(client: Recipient, now: datetime) -> datetime:
    """10:00 of today by the client's clock, or now where that has passed."""
    zone = ZoneInfo(client.zone) if client.zone else programme.zone()
    return max(now, datetime.combine(now.astimezone(zone).date(), HOUR, tzinfo=zone))
