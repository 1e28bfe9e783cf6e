"""When and what follows: scenarios, their releases, the runs of clients through them, and the log."""

from scenarios.models.clock import EntryClock
from scenarios.models.run import RunLog, ScenarioRun
from scenarios.models.scan import TriggerScan
from scenarios.models.scenario import Branch, Release, Scenario
from scenarios.steps import (
    STEP_TYPES,
    AccrueBonuses,
    AddToSegment,
    Fork,
    GiveGift,
    GiveReferralLink,
    GrantAccess,
    IssuePromoCode,
    MoveToSegment,
    RemoveFromSegment,
    RevokeAccess,
    SendMessage,
    Step,
    Wait,
    WithdrawBonuses,
)
from scenarios.triggers import (
    TRIGGER_TYPES,
    AbsenceTrigger,
    DateTrigger,
    EventTrigger,
    PurchaseTrigger,
    ScheduleTrigger,
    Trigger,
)

__all__ = [
    "STEP_TYPES",
    "TRIGGER_TYPES",
    "AbsenceTrigger",
    "AccrueBonuses",
    "AddToSegment",
    "Branch",
    "DateTrigger",
    "EntryClock",
    "EventTrigger",
    "Fork",
    "GiveGift",
    "GiveReferralLink",
    "GrantAccess",
    "IssuePromoCode",
    "PurchaseTrigger",
    "MoveToSegment",
    "Release",
    "RemoveFromSegment",
    "RevokeAccess",
    "RunLog",
    "Scenario",
    "ScenarioRun",
    "ScheduleTrigger",
    "SendMessage",
    "Step",
    "Trigger",
    "TriggerScan",
    "Wait",
    "WithdrawBonuses",
]
