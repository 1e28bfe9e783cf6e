"""Triggers: what starts a scenario. One file per type (semantics §3)."""

from scenarios.triggers.absence import AbsenceTrigger
from scenarios.triggers.base import Trigger
from scenarios.triggers.event import EventTrigger
from scenarios.triggers.purchase import PurchaseTrigger

# The types a marketer can add, in the order of the menu.
TRIGGER_TYPES: tuple[type[Trigger], ...] = (EventTrigger, PurchaseTrigger, AbsenceTrigger)

__all__ = ["TRIGGER_TYPES", "AbsenceTrigger", "EventTrigger", "PurchaseTrigger", "Trigger"]
