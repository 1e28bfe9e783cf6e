"""Steps of a scenario: one file per type (docs/adding-a-step.md)."""

from scenarios.steps.accrue import AccrueBonuses
from scenarios.steps.base import Step
from scenarios.steps.fork import Fork
from scenarios.steps.issue_promo import IssuePromoCode
from scenarios.steps.segment import AddToSegment, RemoveFromSegment
from scenarios.steps.send_message import SendMessage
from scenarios.steps.wait import Wait

# The types a marketer can add, in the order of the menu.
STEP_TYPES: tuple[type[Step], ...] = (
    SendMessage,
    Wait,
    Fork,
    AccrueBonuses,
    IssuePromoCode,
    AddToSegment,
    RemoveFromSegment,
)

__all__ = [
    "STEP_TYPES",
    "AccrueBonuses",
    "AddToSegment",
    "Fork",
    "IssuePromoCode",
    "RemoveFromSegment",
    "SendMessage",
    "Step",
    "Wait",
]
