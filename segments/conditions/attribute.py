"""A field of the client or one of its custom attributes."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from segments.conditions import comparison
from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term

FIELDS = ("first_name", "last_name", "email", "phone", "gender", "language", "zone")
DATE_FIELDS = ("birthday",)

CUSTOM = "attributes."


def known(attribute: str) -> bool:
    """Whether this is a field of the profile or names a custom attribute."""
    return attribute in (*FIELDS, *DATE_FIELDS) or (attribute.startswith(CUSTOM) and attribute != CUSTOM)


def label(attribute: str) -> str:
    """What an attribute is called: a profile field in the current language, a custom one by its own name."""
    if attribute.startswith(CUSTOM):
        return attribute.removeprefix(CUSTOM)
    return str(getattr(Client, attribute).field.verbose_name)


def value_of(facts: Facts, attribute: str) -> tuple[str, str]:
    """An attribute of the client `c` as SQL: its text and its JSON, as comparisons take them."""
    if attribute.startswith(CUSTOM):
        json = f"(c.attributes -> {facts.value(attribute.removeprefix(CUSTOM))}::text)"
        return f"({json} #>> '{{}}')", json
    return f"c.{attribute}" + ("::text" if attribute in DATE_FIELDS else ""), "NULL::jsonb"


class AttributeCondition(Condition):
    """A field of the client's profile, or a custom attribute (`attributes.size`), compared with a value."""

    Operator = comparison.Operator

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
        if not known(self.attribute):
            raise ValidationError({"attribute": _("There is no such profile field.")})
        if self.attribute in FIELDS and self.operator not in comparison.OF_TEXT:
            raise ValidationError({"operator": _("This profile field is text: choose a comparison of text.")})
        if self.attribute in DATE_FIELDS and self.operator not in comparison.OF_DATES:
            raise ValidationError({"operator": _("This profile field is a date: choose a comparison of dates.")})
        comparison.check(self.operator, self.value, "value")

    def term(self, facts: Facts) -> Term:
        text, json = value_of(facts, self.attribute)
        return Term(comparison.compare(facts, self.operator, self.value, text, json), {"value": text})

    def sentence(self) -> str:
        return comparison.sentence(label(self.attribute), self.operator, self.value)

    def seen(self, saw: Mapping[str, Any]) -> str:
        value = saw["value"]
        return t("is «%(value)s»") % {"value": value} if value not in (None, "") else t("is not filled in")

    def changing(self, span: Span) -> tuple[str, ...]:
        return ()
