"""Checked readers that every adapter uses: each returns a clean value or raises `Refused(field, reason)`.

A reader gets the value and the name of its field, never the whole delivery, so that a refusal can say
exactly which field was wrong. "Not said" (None and the empty string) is never an error here.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

import phonenumbers
from babel.numbers import get_currency_precision, list_currencies
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from loyalty.intake.facts import Phone, Refused
from loyalty.models import Client

ID_LENGTH = 200
TITLE_LENGTH = 500
# Ten trillion of a currency with cents: far above any price, and any sum of a delivery's lines fits bigint.
MAX_AMOUNT = 10**15
# Goods that are never counted are told as a number of nines.
MAX_PIECES = Decimal(10) ** 9
# orders.OrderLine.quantity holds nine digits before the point and three after it.
MAX_QUANTITY = Decimal(10) ** 9
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
# A shop's clock may be ahead of ours by as much; more is a mistake of the sender.
CLOCK_TOLERANCE = timedelta(minutes=10)
EXPONENTS: dict[str, int] = {code: get_currency_precision(code) for code in list_currencies()}
# What scripts send when they have no id: taken as a name, it would make one client of everybody.
NO_ID = frozenset({"", "null", "undefined", "none", "nan", "[object object]"})
_EPOCH = re.compile(r"[0-9]{10,16}\Z")
_GENDERS = {
    Client.Gender.FEMALE: {"f", "female", "woman", "ж", "женский"},
    Client.Gender.MALE: {"m", "male", "man", "м", "мужской"},
}


@dataclass(slots=True, frozen=True)
class Origin:
    """What is assumed where a delivery is silent: the source's own settings, else the programme's."""

    slug: str
    currency: str
    phone_region: str


def mapping(value: Any, field: str) -> dict[str, Any]:
    """An object; not said is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(field, _("must be an object"))
    return value


def sequence(value: Any, field: str) -> list[Any]:
    """A list; not said is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(field, _("must be a list"))
    return value


def text(value: Any, field: str, limit: int = TITLE_LENGTH, cut: bool = False) -> str:
    """Text without outer blanks; a number is taken as its digits. `cut` shortens what is only shown to people."""
    if value is None:
        return ""
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(field, _("must be text"))
        value = str(value)
    if "\0" in value:
        raise Refused(field, _("contains a NUL character"))
    value = value.strip()
    if len(value) > limit:
        if not cut:
            raise Refused(field, _("is longer than %(limit)s characters") % {"limit": limit})
        value = value[:limit]
    return value


def address(value: Any, field: str, limit: int) -> str:
    """A web address; one that does not fit is dropped, because a shortened address leads nowhere."""
    given = text(value, field, limit=100_000, cut=True)
    return given if len(given) <= limit else ""


def identifier(value: Any, field: str, limit: int = ID_LENGTH) -> str:
    """An id exactly as given, as text: whole numbers of any length, no floats (they have lost digits already)."""
    if isinstance(value, float):
        raise Refused(field, _("must be text or a whole number"))
    given = text(value, field, limit)
    return "" if given.lower() in NO_ID else given


def required(value: str, field: str) -> str:
    """The value, which must not be empty."""
    if not value:
        raise Refused(field, _("is missing"))
    return value


def key(value: str) -> str:
    """A delivery's or a message's id as our unique key: itself, or its SHA-256 when it does not fit the column."""
    value = value.strip()
    if value.isprintable() and len(value) <= ID_LENGTH - 20:
        return value
    return "sha256:" + sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def decimal(value: Any, field: str) -> Decimal:
    """A finite number from a JSON number or its text, exactly."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refused(field, _("must be a number"))
    # A float's repr is the shortest text that names it: 18.99 stays 18.99.
    digits = str(value).strip()
    if len(digits) > 64 or "_" in digits:
        raise Refused(field, _("must be a number"))
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise Refused(field, _("must be a number")) from None
    if not number.is_finite():
        raise Refused(field, _("must be a finite number"))
    return number


def money(value: Any, currency: str, field: str) -> int | None:
    """A price or a sum in minor units of `currency`, halves rounded away from zero; None when not said."""
    if value is None or value == "":
        return None
    number = decimal(value, field)
    if number < 0:
        raise Refused(field, _("must not be negative"))
    exponent = EXPONENTS[currency]
    if number > MAX_AMOUNT or number.scaleb(exponent) > MAX_AMOUNT:
        raise Refused(field, _("is too large"))
    return int(number.scaleb(exponent).quantize(Decimal(1), ROUND_HALF_UP))


def in_units(amount: int, currency: str) -> str:
    """Minor units as the decimal text that payloads carry: 1999 of USD is "19.99"."""
    exponent = EXPONENTS[currency]
    if not exponent:
        return str(amount)
    whole, rest = divmod(amount, 10**exponent)
    return f"{whole}.{rest:0{exponent}d}"


def currency(value: Any, default: str, field: str) -> str:
    """An ISO 4217 code, in capitals; `default` when not said."""
    if value is None or value == "":
        return default
    code = text(value, field, limit=20).upper()
    if code not in EXPONENTS:
        raise Refused(field, _("is not a known currency"))
    return code


def quantity(value: Any, field: str) -> Decimal:
    """How many or how much: not negative, three digits after the point at most; 1 when not said."""
    if value is None or value == "":
        return Decimal(1)
    number = decimal(value, field)
    if number < 0:
        raise Refused(field, _("must not be negative"))
    if number >= MAX_QUANTITY:
        raise Refused(field, _("is too large"))
    return number.quantize(Decimal("0.001"), ROUND_HALF_UP)


def pieces(value: Any, field: str) -> int | None:
    """Pieces in stock: whole ones, at least none; None where nothing is said. Raises Refused."""
    if value is None or value == "":
        return None
    return int(max(min(decimal(value, field), MAX_PIECES), Decimal(0)))


def plain(number: Decimal) -> int | str:
    """A quantity as payloads carry it: a whole number, or decimal text."""
    return int(number) if number == number.to_integral_value() else f"{number.normalize():f}"


def instant(value: Any, field: str, now: datetime, epoch: bool = False) -> datetime | None:
    """A time in UTC, of 1990 to next year: ISO 8601, in UTC where it names no zone; None when not said.

    `epoch` also allows seconds and milliseconds since 1970.
    """
    if value is None or value == "":
        return None
    if epoch and (isinstance(value, int | float) and not isinstance(value, bool) or _epoch_text(value)):
        parsed = _from_epoch(float(value), field)
    else:
        if not isinstance(value, str):
            raise Refused(field, _("must be an ISO 8601 time"))
        try:
            parsed = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Refused(field, _("must be an ISO 8601 time")) from None
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
    # The year is compared before any arithmetic, which overflows at the ends of the calendar.
    if not EARLIEST.year - 1 <= parsed.year <= now.year + 1 or (parsed := parsed.astimezone(UTC)) < EARLIEST:
        raise Refused(field, _("is not between 1990 and now"))
    return parsed


def moment(value: Any, field: str, now: datetime, epoch: bool = False) -> datetime | None:
    """An `instant` that has come: one ahead of `now` by more than ten minutes is refused, by less becomes `now`."""
    parsed = instant(value, field, now, epoch)
    return None if parsed is None else past(parsed, field, now)


def past(time: datetime, field: str, now: datetime) -> datetime:
    """`time`, or `now` where it is ahead within the tolerance of clocks; refused beyond it."""
    if time - now > CLOCK_TOLERANCE:
        raise Refused(field, _("is in the future"))
    return min(time, now)


def _epoch_text(value: Any) -> bool:
    return isinstance(value, str) and _EPOCH.match(value) is not None


def _from_epoch(value: float, field: str) -> datetime:
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(field, _("is not between 1990 and now")) from None


def birthday(value: Any, field: str, now: datetime) -> date | None:
    """A date of birth from an ISO date or time: of the last 120 years."""
    if value is None or value == "":
        return None
    try:
        born = date.fromisoformat(text(value, field, 40)[:10])
    except ValueError:
        raise Refused(field, _("must be a date like 1990-05-31")) from None
    if not now.year - 120 <= born.year or born > now.date() + timedelta(days=1):
        raise Refused(field, _("is not a date of birth of anybody alive"))
    return born


def gender(value: Any, field: str) -> str:
    """`Client.Gender`, or empty where the word is none of the two."""
    given = text(value, field, 50, cut=True).lower()
    return next((code.value for code, words in _GENDERS.items() if given in words), "")


def flag(value: Any, field: str) -> bool | None:
    """Yes or no; None when not said."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    given = str(value).lower()
    if given in {"true", "1", "yes"}:
        return True
    if given in {"false", "0", "no"}:
        return False
    raise Refused(field, _("must be true or false"))


def email(value: Any, field: str) -> str:
    """An e-mail fit to be an identity, in lower case; empty when it is not said or unusable (never fatal)."""
    given = text(value, field, limit=1000, cut=True).lower()
    if not given or len(given) > 254:
        return ""
    try:
        validate_email(given)
    except ValidationError:
        return ""
    return given


def phone(value: Any, field: str, *regions: str) -> Phone | None:
    """A phone as given and in E.164, read by the first of `regions` (ISO 3166) that is known.

    Letters make it unusable: `555-555-SHIP` could be dialled, but whoever typed it did not mean a mobile.
    """
    given = text(value, field, limit=100, cut=True)
    if not given:
        return None
    quality = Client.PhoneQuality
    if any(letter.isalpha() for letter in given):
        return Phone(given, "", quality.UNUSABLE.value)
    region = next((code.upper() for code in regions if code and code.upper() in phonenumbers.SUPPORTED_REGIONS), None)
    try:
        number = phonenumbers.parse(given, region)
    except phonenumbers.NumberParseException:
        return Phone(given, "", quality.UNUSABLE.value)
    if not phonenumbers.is_possible_number(number):
        return Phone(given, "", quality.UNUSABLE.value)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    valid = phonenumbers.is_valid_number(number)
    return Phone(given, e164, (quality.VALID if valid else quality.DOUBTFUL).value)
