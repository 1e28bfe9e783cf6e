"""The staff's view of clients, their events and what they own, and of the sources of it all."""

from loyalty.admin import bonuses, clients, events, goods, programme, promo_codes, promo_pools, referrals, sources

__all__ = ["bonuses", "clients", "events", "goods", "programme", "promo_codes", "promo_pools", "referrals", "sources"]
