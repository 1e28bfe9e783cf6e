"""Money: integers in minor units of an ISO 4217 currency inside, decimals at the edges. Never floats."""

from decimal import Decimal

from babel.numbers import get_currency_precision, list_currencies

_CURRENCIES = frozenset(list_currencies())


def known(currency: str) -> bool:
    """Whether this is the code of a currency."""
    return currency in _CURRENCIES


def digits(currency: str) -> int:
    """Digits after the point: 2 for RUB, 0 for JPY."""
    return get_currency_precision(currency) if currency else 2


def major(minor: int, currency: str) -> Decimal:
    """1999 minor units of USD as Decimal("19.99")."""
    return Decimal(minor).scaleb(-digits(currency))
