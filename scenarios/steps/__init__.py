"""Steps of a scenario: one file per type (docs/adding-a-step.md)."""

from scenarios.steps.access import GrantAccess, RevokeAccess
from scenarios.steps.accrue import AccrueBonuses
from scenarios.steps.ask_profile import AskProfile
from scenarios.steps.ask_survey import AskSurvey
from scenarios.steps.base import Step
from scenarios.steps.call_webhook import CallWebhook
from scenarios.steps.chain_message import ChainMessage
from scenarios.steps.fork import Fork
from scenarios.steps.forking import Forking
from scenarios.steps.gift import GiveGift
from scenarios.steps.issue_promo import IssuePromoCode
from scenarios.steps.leaving import Exit, Goal
from scenarios.steps.notify_staff import NotifyStaff
from scenarios.steps.others import StartChain, StartScenario, StopScenario
from scenarios.steps.recommend import RecommendProducts
from scenarios.steps.referral import GiveReferralLink
from scenarios.steps.segment import AddToSegment, MoveToSegment, RemoveFromSegment
from scenarios.steps.send_message import SendMessage
from scenarios.steps.set_attribute import SetClientAttribute
from scenarios.steps.split import Split
from scenarios.steps.wait import Wait
from scenarios.steps.wait_event import WaitForEvent
from scenarios.steps.withdraw import WithdrawBonuses

# The types a marketer can add, in the order of the menu.
STEP_TYPES: tuple[type[Step], ...] = (
    ChainMessage,
    SendMessage,
    NotifyStaff,
    Wait,
    WaitForEvent,
    Fork,
    Split,
    AccrueBonuses,
    WithdrawBonuses,
    IssuePromoCode,
    GiveGift,
    GrantAccess,
    RevokeAccess,
    GiveReferralLink,
    AskSurvey,
    AskProfile,
    RecommendProducts,
    AddToSegment,
    RemoveFromSegment,
    MoveToSegment,
    CallWebhook,
    SetClientAttribute,
    StartChain,
    StartScenario,
    StopScenario,
    Goal,
    Exit,
)

__all__ = [
    "STEP_TYPES",
    "AccrueBonuses",
    "AddToSegment",
    "AskProfile",
    "AskSurvey",
    "CallWebhook",
    "ChainMessage",
    "Exit",
    "Fork",
    "Forking",
    "GiveGift",
    "GiveReferralLink",
    "Goal",
    "GrantAccess",
    "IssuePromoCode",
    "MoveToSegment",
    "NotifyStaff",
    "RecommendProducts",
    "RemoveFromSegment",
    "RevokeAccess",
    "SendMessage",
    "SetClientAttribute",
    "Split",
    "StartChain",
    "StartScenario",
    "Step",
    "StopScenario",
    "Wait",
    "WaitForEvent",
    "WithdrawBonuses",
]
