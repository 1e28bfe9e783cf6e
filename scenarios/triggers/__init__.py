"""Triggers: what starts a scenario. One file per type (semantics §3)."""

from scenarios.triggers.absence import AbsenceTrigger
from scenarios.triggers.base import Trigger
from scenarios.triggers.date import DateTrigger
from scenarios.triggers.event import EventTrigger
from scenarios.triggers.purchase import PurchaseTrigger
from scenarios.triggers.schedule import ScheduleTrigger

# The types a marketer can add, in the order of the menu.
TRIGGER_TYPES: tuple[type[Trigger], ...] = (
    EventTrigger,
    PurchaseTrigger,
    AbsenceTrigger,
    DateTrigger,
    ScheduleTrigger,
)

__all__ = [
    "TRIGGER_TYPES",
    "AbsenceTrigger",
    "DateTrigger",
    "EventTrigger",
    "PurchaseTrigger",
    "ScheduleTrigger",
    "Trigger",
]
