"""Comparing a value that may be of any type, as SQL: a client's attribute, an event's property."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from segments.facts import Facts


class Operator(models.TextChoices):
    """How a value is compared; the comparison says of which type it has to be.

    Numbers compare with numbers (also those written as text, "450.00"), dates with dates that begin with YYYY-MM-DD
    (of a moment its day as written), lists by their items. A value of another type never fits. "Equals", "contains"
    and "includes" have no regard to case; numbers and booleans equal what they are written as.
    """

    EQUALS = "equals", _("equals")
    DIFFERS = "differs", _("differs from")
    CONTAINS = "contains", _("contains")
    FILLED = "filled", _("is filled in")
    EMPTY = "empty", pgettext_lazy("attribute", "is empty")
    GREATER = "greater", _("is greater than")
    AT_LEAST = "at_least", _("is at least")
    LESS = "less", _("is less than")
    AT_MOST = "at_most", _("is at most")
    BEFORE = "before", _("is before the date")
    SINCE = "since", _("is on or after the date")
    TRUE = "true", _("is yes")
    FALSE = "false", _("is no")
    INCLUDES = "includes", _("is a list that includes")


FILLING = (Operator.FILLED, Operator.EMPTY)
DATES = (Operator.BEFORE, Operator.SINCE)
OF_TEXT = (Operator.EQUALS, Operator.DIFFERS, Operator.CONTAINS, *FILLING)
OF_DATES = (Operator.EQUALS, Operator.DIFFERS, *DATES, *FILLING)
# Comparisons that compare with nothing given, as plain text: what a form and a row hold.
WITHOUT_VALUE: Collection[str] = tuple(map(str, (*FILLING, Operator.TRUE, Operator.FALSE)))

_SIGNS: dict[str, str] = {
    Operator.GREATER: ">",
    Operator.AT_LEAST: ">=",
    Operator.LESS: "<",
    Operator.AT_MOST: "<=",
}
_NUMBER = r"^\s*[-+]?\d{1,40}(\.\d{1,40})?\s*$"
# Of a text, the part that is a day.
DAY = r"^\d{4}-\d\d-\d\d"


def check(operator: str, value: str, field: str) -> None:
    """Refuses a value that the comparison cannot compare with. Raises ValidationError for that field."""
    if operator in _SIGNS and number(value) is None:
        raise ValidationError({field: _("Give a number.")})
    if operator in DATES and day(value) is None:
        raise ValidationError({field: _("Give a date as YYYY-MM-DD.")})
    if operator not in WITHOUT_VALUE and not value:
        raise ValidationError({field: _("Give a value to compare with.")})


def sentence(name: str, operator: str, value: str) -> str:
    """The comparison in words: "total is greater than «1000»"."""
    said = _("%(attribute)s %(comparison)s") % {"attribute": name, "comparison": Operator(operator).label}
    return str(said) if operator in WITHOUT_VALUE else f"{said} «{value}»"


def filled(text: str, json: str) -> str:
    """Whether there is a value: no empty text, list or object."""
    return f"coalesce({text}, '') <> '' AND coalesce({json} NOT IN ('[]', '{{}}'), TRUE)"


def compare(facts: Facts, operator: str, value: str, text: str, json: str) -> str:
    """The test of a value, given as SQL of its text and of its JSON (NULL::jsonb for a column of text).

    NULL where the value is of another type than is asked.
    """
    given = facts.value(value)
    match operator:
        case Operator.FILLED:
            return filled(text, json)
        case Operator.EMPTY:
            return f"({filled(text, json)}) IS NOT TRUE"
        case Operator.EQUALS:
            return _equals(facts, value, text)
        case Operator.DIFFERS:
            return f"({_equals(facts, value, text)}) IS NOT TRUE"
        case Operator.CONTAINS:
            return f"strpos(lower({text}), lower({given})) > 0"
        case Operator.TRUE | Operator.FALSE:
            return f"lower({text}) = '{Operator(operator).value}'"
        case Operator.INCLUDES:
            items = f"SELECT FROM jsonb_array_elements_text({json}) item WHERE lower(item) = lower({given})"
            return f"CASE WHEN jsonb_typeof({json}) = 'array' THEN EXISTS ({items}) END"
        case Operator.BEFORE | Operator.SINCE:
            # As text: days sort as they are written, and "2026-13-99" of a client is no error.
            sign = "<" if operator == Operator.BEFORE else ">="
            return f"substring({text} FROM '{DAY}') {sign} {facts.value(str(day(value)))} COLLATE \"C\""
        case _:
            return _numbers(facts, value, text, _SIGNS[operator])


def _equals(facts: Facts, value: str, text: str) -> str:
    same = f"lower({text}) = lower({facts.value(value)})"
    # A number may be written in many ways: 44.5, 44.50.
    return same if number(value) is None else f"{same} OR {_numbers(facts, value, text, '=')}"


def _numbers(facts: Facts, value: str, text: str, sign: str) -> str:
    return f"CASE WHEN {text} ~ '{_NUMBER}' THEN {text}::numeric {sign} {facts.value(number(value))}::numeric END"


def number(text: str) -> Decimal | None:
    """A number as a person writes it; None where it is none."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    # Farther out PostgreSQL cannot follow.
    return found if found.is_finite() and -100 < found.adjusted() < 100 else None


def day(text: str) -> date | None:
    """A date as YYYY-MM-DD; None where it is none."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
