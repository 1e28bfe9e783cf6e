"""Filters on an event's properties: "total is greater than 1000", "lines.brand equals Hill". Pure.

A filter is a small document, so that a trigger holds any number of them in one column:
`{"name": "lines.brand", "operator": "equals", "value": "Hill"}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Filter = Mapping[str, str]

MAX_FILTERS = 10


class Operator(TextChoices):
    """How a property is compared. Text compares without regard to case, numbers as numbers ("450.00" = 450)."""

    EQUALS = "equals", _("equals")
    DIFFERS = "differs", _("differs from")
    CONTAINS = "contains", _("contains")
    GREATER = "greater", _("is greater than")
    LESS = "less", _("is less than")
    FILLED = "filled", _("is filled in")
    EMPTY = "empty", pgettext_lazy("attribute", "is empty")


VALUELESS = (Operator.FILLED, Operator.EMPTY)
NUMERIC = (Operator.GREATER, Operator.LESS)


def hold(filters: Sequence[Filter], payload: Mapping[str, Any]) -> bool:
    """Whether all filters hold for a payload. Of a list (`lines.brand`), one element that fits is enough."""
    return all(_holds(row, payload) for row in filters)


def _holds(row: Filter, payload: Mapping[str, Any]) -> bool:
    found, value = list(_values(payload, row["name"].split("."))), row.get("value", "")
    match row["operator"]:
        case Operator.EQUALS:
            return any(_equal(one, value) for one in found)
        case Operator.DIFFERS:
            return not any(_equal(one, value) for one in found)
        case Operator.CONTAINS:
            return any(value.casefold() in str(one).casefold() for one in found)
        case Operator.FILLED:
            return bool(found)
        case Operator.EMPTY:
            return not found
        case operator:
            bound = _number(value)
            numbers = [number for one in found if (number := _number(one)) is not None]
            if bound is None:
                return False
            return any(number > bound if operator == Operator.GREATER else number < bound for number in numbers)


def _values(part: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at a path, lists gone through; nothing and empty text are nothing."""
    if isinstance(part, list):
        for element in part:
            yield from _values(element, path)
    elif not path:
        if part is not None and part != "" and not isinstance(part, dict):
            yield part
    elif isinstance(part, dict) and path[0] in part:
        yield from _values(part[path[0]], path[1:])


def first(payload: Mapping[str, Any], path: str) -> Any:
    """The first value at a path such as `order_id`; None where there is none."""
    return next(_values(payload, path.split(".")), None)


def _equal(one: Any, value: str) -> bool:
    if str(one).casefold() == value.casefold():
        return True
    number = _number(one)
    return number is not None and number == _number(value)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def check(filters: Any) -> None:
    """Refuses what is no list of filters. Raises ValidationError in the current language."""
    if not isinstance(filters, list) or len(filters) > MAX_FILTERS:
        raise ValidationError(_("Give a list of at most %(n)d filters.") % {"n": MAX_FILTERS})
    for row in filters:
        known = isinstance(row, dict) and all(isinstance(value, str) for value in row.values())
        if not known or not row.get("name") or row.get("operator") not in Operator.values:
            raise ValidationError(_("A filter needs a property and a comparison."))
        value = row.get("value", "")
        if row["operator"] not in VALUELESS and not value:
            raise ValidationError(t("%(property)s: give a value to compare with.") % {"property": row["name"]})
        if row["operator"] in NUMERIC and _number(value) is None:
            raise ValidationError(t("%(property)s: give a number.") % {"property": row["name"]})


def sentence(filters: Sequence[Filter]) -> str:
    """The filters in words, in the current language; empty without filters."""
    return t(" and ").join(
        t("%(attribute)s %(comparison)s") % {"attribute": row["name"], "comparison": Operator(row["operator"]).label}
        + ("" if row["operator"] in VALUELESS else f" «{row['value']}»")
        for row in filters
    )


def with_filters(label: str, filters: Sequence[Filter]) -> str:
    """An event with its filters: "«Order placed» (total is greater than «1000»)"."""
    return f"«{label}» ({sentence(filters)})" if filters else f"«{label}»"
