"""A field of the client or one of its custom attributes."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models import Client
from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term

FIELDS = ("first_name", "last_name", "email", "phone", "gender", "language", "zone")
DATE_FIELDS = ("birthday",)

_CUSTOM = "attributes."


class AttributeCondition(Condition):
    """A field of the client's profile, or a custom attribute (`attributes.size`), compared with a value.

    The comparison says the type: numbers compare with numbers, dates with dates written as YYYY-MM-DD (of a moment its
    day as written), a list by its items; for a client whose value is of another type it does not hold. "Equals",
    "contains" and "includes" have no regard to case; numbers and booleans equal what they are written as.
    """

    class Operator(models.TextChoices):
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

    attribute = models.CharField(
        _("attribute"),
        max_length=100,
        help_text=_("A profile field (%(fields)s) or attributes.NAME for a custom one.")
        % {"fields": ", ".join((*FIELDS, *DATE_FIELDS))},
    )
    operator = models.CharField(_("comparison"), max_length=10, choices=Operator, default=Operator.EQUALS)
    value = models.CharField(_("value"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("client's attribute")
        verbose_name_plural = _("client's attributes")

    def clean(self) -> None:
        custom = self.attribute.startswith(_CUSTOM) and len(self.attribute) > len(_CUSTOM)
        if self.attribute not in (*FIELDS, *DATE_FIELDS) and not custom:
            raise ValidationError({"attribute": _("There is no such profile field.")})
        if self.attribute in FIELDS and self.operator not in _OF_TEXT:
            raise ValidationError({"operator": _("This profile field is text: choose a comparison of text.")})
        if self.attribute in DATE_FIELDS and self.operator not in _OF_DATES:
            raise ValidationError({"operator": _("This profile field is a date: choose a comparison of dates.")})
        if self.operator in _NUMBERS and _number(self.value) is None:
            raise ValidationError({"value": _("Give a number.")})
        if self.operator in _DATES and _date(self.value) is None:
            raise ValidationError({"value": _("Give a date as YYYY-MM-DD.")})
        if self.operator not in WITHOUT_VALUE and not self.value:
            raise ValidationError({"value": _("Give a value to compare with.")})

    def term(self, facts: Facts) -> Term:
        if self.attribute in DATE_FIELDS:
            text = f"c.{self.attribute}::text"
            filled = f"c.{self.attribute} IS NOT NULL"
            return Term(self._compare(facts, text, "NULL::jsonb", filled), {"value": text})
        if self.attribute in FIELDS:
            text = f"c.{self.attribute}"
            return Term(self._compare(facts, text, "NULL::jsonb", f"{text} <> ''"), {"value": text})
        json = f"(c.attributes -> {facts.value(self.attribute.removeprefix(_CUSTOM))}::text)"
        text = f"({json} #>> '{{}}')"
        filled = f"coalesce({text}, '') <> '' AND {json} NOT IN ('[]', '{{}}')"
        return Term(self._compare(facts, text, json, filled), {"value": text})

    def _compare(self, facts: Facts, text: str, json: str, filled: str) -> str:
        """The test of a value, given as text and (a custom one) as JSON."""
        operators, given = self.Operator, facts.value(self.value)
        match self.operator:
            case operators.FILLED:
                return filled
            case operators.EMPTY:
                return f"({filled}) IS NOT TRUE"
            case operators.EQUALS:
                return self._equals(facts, text, json)
            case operators.DIFFERS:
                return f"({self._equals(facts, text, json)}) IS NOT TRUE"
            case operators.CONTAINS:
                return f"strpos(lower({text}), lower({given})) > 0"
            case operators.TRUE | operators.FALSE:
                return f"{json} = '{self.operator}'"
            case operators.INCLUDES:
                items = f"SELECT FROM jsonb_array_elements_text({json}) i WHERE lower(i) = lower({given})"
                return f"CASE WHEN jsonb_typeof({json}) = 'array' THEN EXISTS ({items}) END"
            case operators.BEFORE | operators.SINCE:
                # Dates as text: they sort as they are, and "2026-13-99" of a client is no error.
                day = f"substring({text} FROM '^\\d{{4}}-\\d\\d-\\d\\d')"
                sign = "<" if self.operator == operators.BEFORE else ">="
                return f'{day} {sign} {facts.value(_date(self.value))}::date::text COLLATE "C"'
            case _:
                return self._number_test(facts, json, _NUMBERS[self.operator])

    def _equals(self, facts: Facts, text: str, json: str) -> str:
        same = f"lower({text}) = lower({facts.value(self.value)})"
        if _number(self.value) is None or not self.attribute.startswith(_CUSTOM):
            return same
        # A number may be written in many ways: 44.5, 44.50.
        return f"{same} OR {self._number_test(facts, json, '=')}"

    def _number_test(self, facts: Facts, json: str, sign: str) -> str:
        number = facts.value(_number(self.value))
        return f"CASE WHEN jsonb_typeof({json}) = 'number' THEN {json}::numeric {sign} {number}::numeric END"

    def sentence(self) -> str:
        sentence = t("%(attribute)s %(comparison)s") % {
            "attribute": attribute_label(self.attribute),
            "comparison": self.get_operator_display(),
        }
        return sentence if self.operator in WITHOUT_VALUE else f"{sentence} «{self.value}»"

    def seen(self, saw: Mapping[str, Any]) -> str:
        value = saw["value"]
        return t("is «%(value)s»") % {"value": value} if value not in (None, "") else t("is not filled in")

    def changing(self, span: Span) -> tuple[str, ...]:
        return ()


_Operator = AttributeCondition.Operator
_NUMBERS: dict[str, str] = {
    _Operator.GREATER: ">",
    _Operator.AT_LEAST: ">=",
    _Operator.LESS: "<",
    _Operator.AT_MOST: "<=",
}
_DATES = (_Operator.BEFORE, _Operator.SINCE)
_FILLING = (_Operator.FILLED, _Operator.EMPTY)
_OF_TEXT = (_Operator.EQUALS, _Operator.DIFFERS, _Operator.CONTAINS, *_FILLING)
_OF_DATES = (_Operator.EQUALS, _Operator.DIFFERS, *_DATES, *_FILLING)
WITHOUT_VALUE = (*_FILLING, _Operator.TRUE, _Operator.FALSE)


def attribute_label(attribute: str) -> str:
    """What an attribute is called: a profile field in the current language, a custom one by its own name."""
    if attribute.startswith(_CUSTOM):
        return attribute.removeprefix(_CUSTOM)
    return str(getattr(Client, attribute).field.verbose_name)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    # Farther out PostgreSQL cannot follow.
    return number if number.is_finite() and -100 < number.adjusted() < 100 else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
