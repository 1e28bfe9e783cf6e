"""The last look before a send, at the scenario's side (settings.OUTBOX_GATE; semantics §12, §15, §19)."""

from collections.abc import Sequence
from datetime import datetime

from messaging.models import Message, Reason
from scenarios.engine import leave
from scenarios.models import Scenario, ScenarioRun


def refusals(messages: Sequence[Message], now: datetime) -> dict[int, Reason]:
    """Messages that must not go out now, with the reason: at most three queries."""
    scenarios = {
        scenario_id: (status, stale_before)
        for scenario_id, status, stale_before in Scenario.objects.filter(
            pk__in={message.scenario_id for message in messages}
        ).values_list("pk", "status", "stale_before")
    }
    runs = dict(ScenarioRun.objects.filter(pk__in=[message.run_id for message in messages]).values_list("pk", "state"))
    exits = leave.ended_by([message.run_id for message in messages if message.run_id is not None], now)
    refused: dict[int, Reason] = {}
    for message in messages:
        if message.scenario_id is None or message.run_id is None:
            continue
        status, stale_before = scenarios.get(message.scenario_id, (None, None))
        state = runs.get(message.run_id)
        if status == Scenario.Status.PAUSED:
            refused[message.pk] = Reason.SCENARIO_PAUSED
        elif status != Scenario.Status.ACTIVE:
            refused[message.pk] = Reason.SCENARIO_INACTIVE
        elif state not in (ScenarioRun.State.ACTIVE, ScenarioRun.State.COMPLETED):
            refused[message.pk] = Reason.RUN_ENDED
        elif message.run_id in exits:
            refused[message.pk] = Reason.EXIT_RULE
        elif stale_before and message.created_at < stale_before:
            refused[message.pk] = Reason.OVERDUE
    return refused
