"""The last look before a send, at the scenario's side (settings.OUTBOX_GATE; semantics §12, §15, §19)."""

from collections.abc import Sequence
from datetime import datetime

from messaging.models import Message, Reason
from scenarios.engine import leave
from scenarios.engine.flow import flow
from scenarios.engine.live import rules_of
from scenarios.models import Scenario


def refusals(messages: Sequence[Message], now: datetime) -> dict[int, Reason]:
    """Messages that must not go out now, with the reason: at most three queries."""
    scenarios = Scenario.objects.in_bulk({message.scenario_id for message in messages})
    runs = leave.standing([message.run_id for message in messages if message.run_id is not None])
    rules = {
        runs[message.run_id].standing: rules_of(flow(scenario.live_release_id).settings)
        for message in messages
        if message.run_id in runs
        if (scenario := scenarios.get(message.scenario_id)) is not None and scenario.live_release_id is not None
    }
    ended = leave.ended_by(rules, now)
    refused: dict[int, Reason] = {}
    for message in messages:
        if message.scenario_id is None or message.run_id is None:
            continue
        scenario, run = scenarios.get(message.scenario_id), runs.get(message.run_id)
        if scenario is not None and scenario.status == Scenario.Status.PAUSED:
            refused[message.pk] = Reason.SCENARIO_PAUSED
        elif scenario is None or scenario.status != Scenario.Status.ACTIVE:
            refused[message.pk] = Reason.SCENARIO_INACTIVE
        elif run is None or run.stopped:
            refused[message.pk] = Reason.RUN_ENDED
        elif message.run_id in ended:
            refused[message.pk] = ended[message.run_id]
        elif scenario.stale_before and (message.paused_since or message.due_at) < scenario.stale_before:
            # By when it was to go, not by its age: a night, a cap or the channel before it may have held it for days.
            refused[message.pk] = Reason.OVERDUE
    return refused
