"""The staff's view of clients, their events and what they own, and of the sources of it all."""

from loyalty.admin import (
    access,
    api_keys,
    bonuses,
    catalog,
    clients,
    events,
    goods,
    programme,
    promo_codes,
    promo_pools,
    quests,
    referrals,
    rules,
    sources,
    stores,
    surveys,
)

__all__ = [
    "access",
    "api_keys",
    "bonuses",
    "catalog",
    "clients",
    "events",
    "goods",
    "programme",
    "promo_codes",
    "promo_pools",
    "quests",
    "referrals",
    "rules",
    "sources",
    "surveys",
    "stores",
]
