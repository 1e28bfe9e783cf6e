"""What time it is where the client lives."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import formats
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


def check_weekdays(days: Any) -> None:
    """Refuses what is no list of weekdays, 0 (Monday) to 6. Raises ValidationError."""
    if not isinstance(days, list) or any(type(day) is not int or not 0 <= day <= 6 for day in days):
        raise ValidationError(_("Give weekdays, 0 (Monday) to 6 (Sunday)."))


class LocalTimeCondition(Condition):
    """It is one of the weekdays, and between two times of day, by the client's own clock.

    From is included, to is not. A span that ends before it begins goes over midnight; the weekday is that of now.
    """

    menu_group = MenuGroup.TIME

    weekdays = models.JSONField(
        _("weekdays"), default=list, blank=True, validators=[check_weekdays], help_text=_("Empty: every day.")
    )
    since = models.TimeField(_("from time"), null=True, blank=True)
    until = models.TimeField(_("to time"), null=True, blank=True)

    class Meta:
        verbose_name = _("time of day and weekday")
        verbose_name_plural = _("times of day and weekdays")

    def clean(self) -> None:
        if (self.since is None) != (self.until is None):
            raise ValidationError({"until" if self.until is None else "since": _("Give both times, or neither.")})
        if self.since is not None and self.since == self.until:
            raise ValidationError({"until": _("The span is empty.")})
        if not self.weekdays and self.since is None:
            raise ValidationError({"weekdays": _("Choose weekdays or give times.")})

    def term(self, facts: Facts) -> Term:
        local = facts.local()
        tests = []
        if self.weekdays:
            days = facts.value([int(day) + 1 for day in self.weekdays])
            tests.append(f"extract(isodow FROM {local})::int = ANY({days}::int[])")
        if self.since is not None and self.until is not None:
            begun = f"({local})::time >= {facts.value(self.since)}::time"
            going = f"({local})::time < {facts.value(self.until)}::time"
            tests.append(f"({begun} {'AND' if self.since < self.until else 'OR'} {going})")
        return Term(" AND ".join(tests) or "TRUE", {"local": local})

    def sentence(self) -> str:
        parts = []
        if self.weekdays:
            parts.append(", ".join(str(WEEKDAYS_ABBR[day]) for day in sorted(self.weekdays)))
        if self.since is not None and self.until is not None:
            parts.append(
                t("from %(since)s to %(until)s") % {"since": f"{self.since:%H:%M}", "until": f"{self.until:%H:%M}"}
            )
        return t("it is %(when)s where the client lives") % {"when": " ".join(parts)}

    def seen(self, saw: Mapping[str, Any]) -> str:
        local = saw["local"]
        return t("it is %(weekday)s, %(time)s") % {
            "weekday": WEEKDAYS[local.weekday()],
            "time": formats.time_format(local.time(), "H:i"),
        }

    def changing(self, span: Span) -> None:
        return None
