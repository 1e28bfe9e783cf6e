"""Recommending goods: `recommend` for any number of clients, `of_events` for what to start from, `cards` to show."""

from loyalty.services.recommendations.about import of_events
from loyalty.services.recommendations.cards import card, cards
from loyalty.services.recommendations.recommend import BOUGHT_TOO, FALLBACK, MOST, About, Pick, recommend

__all__ = ["BOUGHT_TOO", "FALLBACK", "MOST", "About", "Pick", "card", "cards", "of_events", "recommend"]
