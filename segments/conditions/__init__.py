"""Conditions: one file per type; each becomes SQL, says itself and explains itself (semantics §43–44)."""

from segments.conditions.attribute import AttributeCondition
from segments.conditions.base import Condition, MenuGroup
from segments.conditions.event_count import EventCountCondition
from segments.conditions.group import Group
from segments.conditions.membership import InSegment

# The types a marketer can add, in the order of the menu.
CONDITION_TYPES: tuple[type[Condition], ...] = (EventCountCondition, AttributeCondition, InSegment)

__all__ = [
    "CONDITION_TYPES",
    "AttributeCondition",
    "Condition",
    "EventCountCondition",
    "Group",
    "InSegment",
    "MenuGroup",
]
