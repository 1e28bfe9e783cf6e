"""Who the clients are, what happened to them, what they own."""

from loyalty.models.access import AccessGrant
from loyalty.models.accrual import AccrualRule
from loyalty.models.api_key import ApiKey, IdempotentRequest
from loyalty.models.catalog import Category, Product, ProductChange
from loyalty.models.client import Client, Consent, Identity
from loyalty.models.consent_request import ConsentRequest
from loyalty.models.event import Event, UnreadEvent
from loyalty.models.ledger import (
    BonusAccount,
    BonusEntry,
    BonusHold,
    BonusHoldAllocation,
    BonusLot,
    BonusOperation,
)
from loyalty.models.level import ClientLevel, Level, LevelChange
from loyalty.models.order import Cart, Order, OrderLine
from loyalty.models.product_facts import ProductCount, ProductPair, ProductPopularity, Recommendation
from loyalty.models.profile_form import ProfileForm, ProfileQuestion
from loyalty.models.programme import Programme
from loyalty.models.promo import PromoBatch, PromoCode, PromoIssue, PromoPool, PromoRedemption, PromoRefusal
from loyalty.models.purchase import OrderBonus, Purchase, PurchaseAccrual
from loyalty.models.quest import Quest, QuestProgress
from loyalty.models.referral import Referral, ReferralRules
from loyalty.models.source import RefusedDelivery, Source
from loyalty.models.store import ClientLocation, Store
from loyalty.models.survey import Survey, SurveyAnswer, SurveyQuestion, SurveyReply

__all__ = [
    "AccessGrant",
    "AccrualRule",
    "ApiKey",
    "BonusAccount",
    "BonusEntry",
    "BonusHold",
    "BonusHoldAllocation",
    "BonusLot",
    "BonusOperation",
    "Cart",
    "Category",
    "Client",
    "ClientLevel",
    "ClientLocation",
    "Consent",
    "ConsentRequest",
    "Event",
    "IdempotentRequest",
    "Identity",
    "Level",
    "LevelChange",
    "Order",
    "OrderBonus",
    "OrderLine",
    "Product",
    "ProductChange",
    "ProductCount",
    "ProductPair",
    "ProductPopularity",
    "ProfileForm",
    "ProfileQuestion",
    "Programme",
    "PromoBatch",
    "PromoCode",
    "PromoIssue",
    "PromoPool",
    "PromoRedemption",
    "PromoRefusal",
    "Purchase",
    "PurchaseAccrual",
    "Quest",
    "QuestProgress",
    "Recommendation",
    "Referral",
    "ReferralRules",
    "RefusedDelivery",
    "Source",
    "Store",
    "UnreadEvent",
    "Survey",
    "SurveyAnswer",
    "SurveyQuestion",
    "SurveyReply",
]
