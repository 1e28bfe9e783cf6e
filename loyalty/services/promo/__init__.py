"""Promo codes: pools are filled, codes are issued, checked, redeemed and given back (semantics §42)."""

from loyalty.services.promo.codes import normalise
from loyalty.services.promo.fill import FillError, fill_next, order, upload
from loyalty.services.promo.issue import Ask, expiry, issue_many, last_day, left, running_dry
from loyalty.services.promo.offer import KeyReused, Offer, PromoError, PromoRefused
from loyalty.services.promo.redeem import cancel, cancel_for_orders, check, redeem

__all__ = [
    "Ask",
    "FillError",
    "KeyReused",
    "Offer",
    "PromoError",
    "PromoRefused",
    "cancel",
    "cancel_for_orders",
    "check",
    "expiry",
    "fill_next",
    "issue_many",
    "last_day",
    "left",
    "normalise",
    "order",
    "redeem",
    "running_dry",
    "upload",
]
