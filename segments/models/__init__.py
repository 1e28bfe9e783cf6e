"""Which clients: segments and the conditions that they share with scenarios."""

from segments.conditions import (
    CONDITION_TYPES,
    AttributeCondition,
    Condition,
    EventCountCondition,
    Group,
    InSegment,
    RfmCondition,
)
from segments.models.member_import import MemberImport
from segments.models.rfm import RfmRules, RfmScore, RfmSettings, RfmSnapshot, Ties, ZeroSpend
from segments.models.segment import ChangedClient, Membership, Segment, refuse_dynamic

__all__ = [
    "CONDITION_TYPES",
    "AttributeCondition",
    "ChangedClient",
    "Condition",
    "EventCountCondition",
    "Group",
    "InSegment",
    "MemberImport",
    "Membership",
    "RfmCondition",
    "RfmRules",
    "RfmScore",
    "RfmSettings",
    "RfmSnapshot",
    "Segment",
    "Ties",
    "ZeroSpend",
    "refuse_dynamic",
]
