"""How values are written for one reader: language, zone, currency (semantics §25)."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from django.conf import settings

from loyalty.services import programme


class Manner(NamedTuple):
    """What the filters of a template go by."""

    locale: Locale
    zone: ZoneInfo
    # Of sums that name none themselves; asked for only when one comes.
    currency: Callable[[], str] = str
    # The moment of rendering, in UTC: what `"now" | date` says. Without it, `now` is not known.
    now: datetime | None = None


class Money(Decimal):
    """A sum in major units that knows its currency: `{{ cart.total | money }}` needs no other word."""

    currency: str

    def __new__(cls, amount: Decimal, currency: str) -> "Money":
        made = super().__new__(cls, amount)
        made.currency = currency
        return made


def manner(language: str, zone: str, now: datetime | None, currency: Callable[[], str] = str) -> Manner:
    """The manner for somebody. An unknown language or zone is that of the installation."""
    try:
        place = ZoneInfo(zone) if zone else programme.zone()
    except (ZoneInfoNotFoundError, ValueError):
        place = programme.zone()
    return Manner(_locale(language) or _locale(settings.LANGUAGE_CODE) or Locale("en"), place, currency, now)


_locales: dict[str, Locale | None] = {}


def _locale(language: str) -> Locale | None:
    if language not in _locales:
        if len(_locales) > 1000:  # a client's language is what a shop says it is
            _locales.clear()
        try:
            _locales[language] = Locale.parse(language, sep="-" if "-" in language else "_") if language else None
        except (ValueError, UnknownLocaleError):
            _locales[language] = None
    return _locales[language]
