"""Filters of the house: sums, numbers, dates and plurals as the reader writes them (semantics §25)."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal
from django.conf import settings
from liquid import is_undefined
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from loyalty.money import known
from messaging.services import pictures
from messaging.services.manner import Manner, Money
from messaging.services.sandbox import Context

# Formats by name; everything else is read as directives of strftime.
NAMED = ("short", "medium", "long", "full", "day", "month", "weekday", "time", "datetime")
_SKELETONS = {"day": "MMMMd", "month": "yMMMM"}
# Directives, each with a pattern of Unicode (CLDR). Day and month together stand in the genitive in Russian.
_DIRECTIVES = {
    "d": "dd", "e": "d", "j": "DDD", "m": "MM", "y": "yy", "Y": "y", "B": "MMMM", "b": "MMM", "h": "MMM", "A": "EEEE",
    "a": "EEE", "H": "HH", "k": "H", "I": "hh", "l": "h", "M": "mm", "S": "ss", "p": "a", "P": "a", "Z": "z", "z": "Z",
    "F": "y-MM-dd", "T": "HH:mm:ss", "R": "HH:mm", "D": "MM/dd/yy", "u": "e", "V": "ww", "U": "ww",
}  # fmt: skip
_DIRECTIVE = re.compile(r"%([-^_0#]?)(.)", re.DOTALL)
_NO_PADDING = {"d": "d", "m": "M", "H": "H", "I": "h", "M": "m", "S": "s"}
# Seconds since 1970 that stand for a moment; what is out of it is a plain number.
_FIRST, _LAST = -(2**31), 2**33


@with_context
def money(value: object, currency: str = "", *, context: Context) -> str:
    """A sum as the reader writes it: `1 999,90 ₽`. Its currency: as told, its own, the entry's, the programme's."""
    manner = _manner(context)
    amount = _number(value, "money")
    code = str(currency or "") or (value.currency if isinstance(value, Money) else "")
    if not code:
        entry = context.globals.get("entry")
        code = str(entry.get("currency") or "") if isinstance(entry, dict) else ""
    code = code.strip().upper() or manner.currency()
    if not known(code):
        raise FilterArgumentError(f"money: there is no currency “{code[:20]}”", token=None)
    # Whole sums are read more easily without their noughts.
    whole = amount == amount.to_integral_value()
    return _money(amount, code, manner.locale, whole)


@lru_cache(maxsize=10_000)
def _money(amount: Decimal, code: str, locale: Locale, whole: bool) -> str:
    if not whole:
        return str(format_currency(amount, code, locale=locale))
    pattern = locale.currency_formats["standard"].pattern
    return str(format_currency(amount, code, re.sub(r"0\.0+", "0", pattern), locale=locale, currency_digits=False))


@with_context
def number(value: object, *, context: Context) -> str:
    """A number as the reader writes it: `12 500`, `1,5`."""
    return _decimal(_number(value, "number"), _manner(context).locale)


@lru_cache(maxsize=10_000)
def _decimal(amount: Decimal, locale: Locale) -> str:
    return str(format_decimal(amount, locale=locale))


def plural(value: object, *forms: object) -> str:
    """The form of a word that stands after a number: two forms as in English, three as in Russian.

    `{{ n }} {{ n | plural: "point", "points" }}`, `{{ n | plural: "балл", "балла", "баллов" }}`. After a fraction
    Russian takes the second form, English the plural.
    """
    if len(forms) not in (2, 3):
        raise FilterArgumentError("plural: two or three forms of the word are needed", token=None)
    amount, words = abs(_number(value, "plural")), [str(form) for form in forms]
    if amount % 1:
        return words[1]
    if len(words) == 2:
        return words[0] if amount == 1 else words[1]
    tens, ones = int(amount) % 100, int(amount) % 10
    if ones == 1 and tens != 11:
        return words[0]
    return words[1] if 2 <= ones <= 4 and not 12 <= tens <= 14 else words[2]


@with_context
def date_(value: object, form: object = "medium", *, context: Context) -> str:
    """A date or moment in the reader's zone and language, by the name of a form (`NAMED`) or by directives.

    What is empty stays empty, so that a default may stand before. What is no date is an error: better no message
    than a wrong one.
    """
    if value is None or value == "":
        return ""
    manner = _manner(context)
    found = _moment(value, manner)
    if found is None:
        raise FilterArgumentError(f"date: “{str(value)[:40]}” is no date", token=None)
    return _written(found, str(form), manner.locale)


def _moment(value: object, manner: Manner) -> date | datetime | None:
    """A day, or a moment in the reader's zone. A moment without a zone is UTC's."""
    if isinstance(value, str):
        value = value.strip()
        if value in ("now", "today"):
            return manner.now.astimezone(manner.zone) if manner.now else None
        return _read(value, manner.zone)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(manner.zone)
    if isinstance(value, date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and _FIRST < value < _LAST:
        return datetime.fromtimestamp(value, manner.zone)
    return None


@lru_cache(maxsize=10_000)
def _read(text: str, zone: tzinfo) -> date | datetime | None:
    try:
        if len(text) <= 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=10_000)
def _written(found: date | datetime, form: str, locale: Locale) -> str:
    day = found.date() if isinstance(found, datetime) else found
    moment = found if isinstance(found, datetime) else datetime.combine(found, time.min, tzinfo=UTC)
    zone = moment.tzinfo
    match form.strip():
        case "short" | "medium" | "long" | "full" as name:
            return str(format_date(day, name, locale=locale))
        case "weekday":
            return str(format_date(day, "EEEE", locale=locale))
        case "datetime" if not isinstance(found, datetime):
            return str(format_date(day, "medium", locale=locale))
        case "day" | "month" as name:
            # Skeletons are of moments alone.
            return str(format_skeleton(_SKELETONS[name], datetime.combine(day, time.min, tzinfo=UTC), locale=locale))
        case "time":
            return str(format_time(moment, "short", tzinfo=zone, locale=locale))
        case "datetime":
            at = format_time(moment, "short", tzinfo=zone, locale=locale)
            return f"{format_date(day, 'medium', locale=locale)}, {at}"
    if "%" not in form:
        raise FilterArgumentError(
            f"date: there is no form “{form[:40]}”; there are {', '.join(NAMED)}, and directives such as %d.%m.%Y",
            token=None,
        )
    return _by_directives(day, moment, form, locale)


def _by_directives(day: date, moment: datetime, form: str, locale: Locale) -> str:
    genitive = re.search(r"%[-^_0#]?[de]", form) is not None

    def one(found: re.Match[str]) -> str:
        flag, directive = found.groups()
        if directive == "%":
            return "%"
        pattern = _DIRECTIVES.get(directive)
        if pattern is None:
            raise FilterArgumentError(f"date: there is no directive {found.group()[:3]}", token=None)
        if flag == "-":
            pattern = _NO_PADDING.get(directive, pattern)
        if directive == "B" and not genitive:
            pattern = "LLLL"
        if set(pattern) & set("Hhmsaz"):
            said = str(format_time(moment, pattern, tzinfo=moment.tzinfo, locale=locale))
        else:
            said = str(format_date(day, pattern, locale=locale))
        return said.upper() if flag == "^" else said

    return _DIRECTIVE.sub(one, form)


def _manner(context: Context) -> Manner:
    if context.manner is None:
        raise FilterArgumentError("the reader's language is not known here", token=None)
    return context.manner


def _number(value: object, name: str) -> Decimal:
    if type(value) is int and abs(value) < 10**18:
        return Decimal(value)
    if is_undefined(value):
        str(value)  # says which variable is missing
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise FilterArgumentError(f"{name}: a number is needed", token=None)
    try:
        amount = Decimal(str(value).strip() or "x")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= 10**18:
        raise FilterArgumentError(f"{name}: “{str(value)[:40]}” is no number", token=None)
    return amount


def qr(code: object) -> str:
    """The address of a picture of the code as a QR code."""
    return _picture("qr", code)


def barcode(code: object) -> str:
    """The address of a picture of the code as bars (Code 128)."""
    return _picture("barcode", code)


def _picture(kind: str, code: object) -> str:
    try:
        return pictures.address(kind, str(code))
    except pictures.Undrawable as error:
        raise FilterArgumentError(f"{kind}: {error}", token=None) from None


def join_page(value: object) -> str:
    """The address of a landing page, by what stands in it: `{{ "spring" | join_page }}`."""
    if not re.fullmatch(r"[\w-]{1,50}", str(value)):
        raise FilterArgumentError(f"join_page: “{str(value)[:40]}” is no address of a page", token=None)
    return f"{settings.PUBLIC_URL}/join/{value}/"


FILTERS: dict[str, Callable[..., str]] = {
    "money": money,
    "number": number,
    "plural": plural,
    "date": date_,
    "qr": qr,
    "barcode": barcode,
    "join_page": join_page,
}
