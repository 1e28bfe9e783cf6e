"""Money: integers in minor units of an ISO 4217 currency inside, decimals at the edges. Never floats."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

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


def apportion(total: int, weights: Sequence[int | Decimal]) -> list[int]:
    """Splits `total` in proportion to `weights` by largest remainder (semantics §30): the parts always sum to it.

    Of equal remainders the earlier part gets the unit. Where no weight is positive, there is nothing to split by:
    then `total` must be 0. Raises ValueError for negative numbers.
    """
    whole = sum((Fraction(weight) for weight in weights), Fraction(0))
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("apportion: a negative number")
    if not whole:
        if total:
            raise ValueError("apportion: nothing to split by")
        return [0] * len(weights)
    exact = [total * Fraction(weight) / whole for weight in weights]
    parts = [part.numerator // part.denominator for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
