"""Conditions: one file per type; each becomes SQL, says itself and explains itself (semantics §43–44)."""

from segments.conditions.attribute import AttributeCondition
from segments.conditions.balance import BalanceCondition, ExpiringBonusesCondition
from segments.conditions.base import Condition, MenuGroup
from segments.conditions.birthday import BirthdayCondition
from segments.conditions.consent import ConsentCondition
from segments.conditions.engagement import EngagementCondition
from segments.conditions.event_count import EventCountCondition
from segments.conditions.filled import ProfileFilledCondition
from segments.conditions.goods import GoodsCondition
from segments.conditions.group import Group
from segments.conditions.level import LevelCondition
from segments.conditions.local_time import LocalTimeCondition
from segments.conditions.membership import InSegment
from segments.conditions.near_date import NearDateCondition
from segments.conditions.near_store import NearStoreCondition
from segments.conditions.orders import DiscountShareCondition, OrdersCondition
from segments.conditions.promo import PromoCodeCondition
from segments.conditions.referral import ReferralCondition
from segments.conditions.registration import RegistrationCondition
from segments.conditions.rfm import RfmCondition
from segments.conditions.rhythm import OverdueCondition

# The types a marketer can add.
CONDITION_TYPES: tuple[type[Condition], ...] = (
    AttributeCondition,
    ProfileFilledCondition,
    BirthdayCondition,
    NearDateCondition,
    RegistrationCondition,
    ConsentCondition,
    NearStoreCondition,
    OrdersCondition,
    OverdueCondition,
    GoodsCondition,
    DiscountShareCondition,
    RfmCondition,
    LevelCondition,
    BalanceCondition,
    ExpiringBonusesCondition,
    PromoCodeCondition,
    EventCountCondition,
    EngagementCondition,
    ReferralCondition,
    InSegment,
    LocalTimeCondition,
)

__all__ = [
    "CONDITION_TYPES",
    "AttributeCondition",
    "BalanceCondition",
    "BirthdayCondition",
    "Condition",
    "ConsentCondition",
    "DiscountShareCondition",
    "EngagementCondition",
    "EventCountCondition",
    "ExpiringBonusesCondition",
    "GoodsCondition",
    "Group",
    "InSegment",
    "LevelCondition",
    "LocalTimeCondition",
    "MenuGroup",
    "NearDateCondition",
    "NearStoreCondition",
    "OrdersCondition",
    "OverdueCondition",
    "ProfileFilledCondition",
    "PromoCodeCondition",
    "ReferralCondition",
    "RegistrationCondition",
    "RfmCondition",
]
