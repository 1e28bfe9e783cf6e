"""The staff's view of scenarios: lists, the map, the forms of its parts, the log."""

from scenarios.admin import (
    conditions,
    landing,
    log,
    runs,
    scenario,
    send_log,
    steps_bonuses,
    steps_clients,
    steps_flow,
    steps_messages,
    steps_segments,
    triggers,
    webhooks,
)

__all__ = [
    "conditions",
    "landing",
    "log",
    "runs",
    "scenario",
    "send_log",
    "steps_bonuses",
    "steps_clients",
    "steps_flow",
    "steps_messages",
    "steps_segments",
    "triggers",
    "webhooks",
]
