"""Triggers: what starts a scenario. One file per type (semantics §3)."""

from scenarios.triggers.absence import AbsenceTrigger
from scenarios.triggers.base import Trigger
from scenarios.triggers.burning import BurningTrigger
from scenarios.triggers.date import DateTrigger
from scenarios.triggers.event import EventTrigger
from scenarios.triggers.geofence import GeofenceTrigger
from scenarios.triggers.interval import IntervalTrigger
from scenarios.triggers.level import LevelTrigger
from scenarios.triggers.manual import ManualTrigger
from scenarios.triggers.membership import SegmentTrigger
from scenarios.triggers.message import MessageTrigger
from scenarios.triggers.product_news import ProductNewsTrigger
from scenarios.triggers.promo import PromoExpiryTrigger
from scenarios.triggers.purchase import PurchaseTrigger
from scenarios.triggers.quest import QuestTrigger
from scenarios.triggers.rfm import RfmTrigger
from scenarios.triggers.schedule import ScheduleTrigger

# The types a marketer can add, in the order of the menu.
TRIGGER_TYPES: tuple[type[Trigger], ...] = (
    EventTrigger,
    PurchaseTrigger,
    AbsenceTrigger,
    IntervalTrigger,
    DateTrigger,
    ScheduleTrigger,
    SegmentTrigger,
    BurningTrigger,
    PromoExpiryTrigger,
    LevelTrigger,
    QuestTrigger,
    RfmTrigger,
    ProductNewsTrigger,
    MessageTrigger,
    GeofenceTrigger,
    ManualTrigger,
)

__all__ = [
    "TRIGGER_TYPES",
    "AbsenceTrigger",
    "BurningTrigger",
    "DateTrigger",
    "EventTrigger",
    "GeofenceTrigger",
    "IntervalTrigger",
    "LevelTrigger",
    "ManualTrigger",
    "MessageTrigger",
    "ProductNewsTrigger",
    "PromoExpiryTrigger",
    "PurchaseTrigger",
    "QuestTrigger",
    "RfmTrigger",
    "ScheduleTrigger",
    "SegmentTrigger",
    "Trigger",
]
