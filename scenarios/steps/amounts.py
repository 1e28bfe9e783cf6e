"""Numbers of bonuses as marketers give them: whole ones, with a fraction where the programme has one."""

from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as t
from django.utils.translation import ngettext

from loyalty.models import Programme
from loyalty.services.order_bonuses import minor

__all__ = ["MOST", "NotAnAmount", "fits", "in_words", "minor", "plain", "read"]

# More than any programme gives at once; what a formula makes of a client beyond it is a mistake.
MOST = 10**12  # minor units


class NotAnAmount(ValueError):
    """Words that are no number of bonuses."""


def read(text: str, programme: Programme) -> int:
    """The number that a formula made, in minor units, at least 0. Raises NotAnAmount."""
    said = "".join(text.split()).replace(",", ".")
    try:
        amount = Decimal(said)
    except InvalidOperation:
        raise NotAnAmount(t("not a number: “%(text)s”") % {"text": text.strip()[:50]}) from None
    if not amount.is_finite() or amount < 0 or amount > MOST:
        raise NotAnAmount(t("not a number of bonuses: “%(text)s”") % {"text": text.strip()[:50]})
    return minor(amount, programme)


def plain(amount: Decimal) -> str:
    """The number without zeros that say nothing: 300, 10.5."""
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"


def in_words(amount: Decimal) -> str:
    """The number in the current language: "300 bonuses"."""
    if amount == amount.to_integral_value():
        return ngettext("%(n)d bonus", "%(n)d bonuses", int(amount)) % {"n": int(amount)}
    return t("%(n)s bonuses") % {"n": plain(amount)}


def fits(amount: Decimal | None, programme: Programme) -> bool:
    """Whether bonuses of this programme have as many digits after the point."""
    return amount is None or amount.scaleb(programme.bonus_scale) % 1 == 0
