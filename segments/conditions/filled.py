"""Whether a profile is filled in."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions import comparison
from segments.conditions.attribute import known, label, value_of
from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term

MAX_FIELDS = 50


def check_fields(fields: Any) -> None:
    """Refuses what is no list of profile fields and custom attributes. Raises ValidationError."""
    if not isinstance(fields, list) or not fields or len(fields) > MAX_FIELDS:
        raise ValidationError(_("Choose the fields, at most %(n)d.") % {"n": MAX_FIELDS})
    for name in fields:
        if not isinstance(name, str) or len(name) > 100 or not known(name):
            raise ValidationError(_("There is no such profile field.") + f" {name}")


class ProfileFilledCondition(Condition):
    """Every one of the fields is filled in; or at least one is not."""

    names = models.JSONField(_("fields"), default=list, validators=[check_fields])
    negated = models.BooleanField(_("something is missing"), default=False)

    class Meta:
        verbose_name = _("profile is filled in")
        verbose_name_plural = _("profile is filled in")

    def clean(self) -> None:
        try:
            check_fields(self.names)
        except ValidationError as error:
            raise ValidationError({"names": error.messages}) from None

    def term(self, facts: Facts) -> Term:
        missing = ", ".join(
            f"CASE WHEN {comparison.filled(*value_of(facts, name))} THEN NULL ELSE {facts.value(name)} END"
            for name in self.names
        )
        names = f"array_remove(ARRAY[{missing}]::text[], NULL)"
        return Term(f"cardinality({names}) {'>' if self.negated else '='} 0", {"missing": names})

    def sentence(self) -> str:
        fields = ", ".join(label(name) for name in self.names)
        pattern = t("not everything is filled in of: %(fields)s") if self.negated else t("filled in: %(fields)s")
        return pattern % {"fields": fields}

    def seen(self, saw: Mapping[str, Any]) -> str:
        if not saw["missing"]:
            return t("everything is filled in")
        return t("missing: %(fields)s") % {"fields": ", ".join(label(name) for name in saw["missing"])}

    def changing(self, span: Span) -> tuple[str, ...]:
        return ()
