"""Birthdays around today."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import formats
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term

# Half a year either way: farther, and a birthday is nearer from the other side.
_FAR = 182


class BirthdayCondition(Condition):
    """The birthday is kept on one of the days from `first` to `last`, counted from today; both count.

    Today is the day by the client's own clock. 29 February is kept on the 28th in common years (semantics §7).
    """

    first = models.SmallIntegerField(
        _("from day"),
        default=0,
        validators=[MinValueValidator(-_FAR), MaxValueValidator(_FAR)],
        help_text=_("0: today; 7: in seven days; −3: three days ago."),
    )
    last = models.SmallIntegerField(
        _("to day"), default=0, validators=[MinValueValidator(-_FAR), MaxValueValidator(_FAR)]
    )

    class Meta:
        verbose_name = _("birthday near today")
        verbose_name_plural = _("birthdays near today")

    def clean(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValidationError({"last": _("This is before the first day.")})

    def term(self, facts: Facts) -> Term:
        today = f"({facts.local()})::date"
        begin = f"({today} + {facts.value(self.first)}::int)"
        # The first birthday from `begin` on. Adding years takes 29 February to the 28th by itself.
        years = f"(extract(year FROM {begin}) - extract(year FROM c.birthday))::int"
        this_year, next_year = (f"(c.birthday + make_interval(years => {years} + {n}))::date" for n in (0, 1))
        kept = f"CASE WHEN {this_year} >= {begin} THEN {this_year} ELSE {next_year} END"
        return Term(f"({kept}) <= {today} + {facts.value(self.last)}::int", {"birthday": "c.birthday", "today": today})

    def sentence(self) -> str:
        if self.first == self.last:
            return t("birthday: %(day)s") % {"day": day_in_words(self.first)}
        return t("birthday: from %(first)s to %(last)s") % {
            "first": day_in_words(self.first),
            "last": day_in_words(self.last),
        }

    def seen(self, saw: Mapping[str, Any]) -> str:
        if saw["birthday"] is None:
            return t("birthday is not known")
        return t("birthday %(birthday)s; today is %(today)s") % {
            "birthday": formats.date_format(saw["birthday"], "MONTH_DAY_FORMAT"),
            "today": formats.date_format(saw["today"], "MONTH_DAY_FORMAT"),
        }

    def changing(self, span: Span) -> tuple[str, ...]:
        # On a new day the window takes in one birthday and lets one go.
        kept = {
            today + timedelta(days=shift) for today in span.days_begun() for shift in (self.first - 1, self.last)
        }  # fmt: skip
        if not kept:
            return ()
        days = {day.month * 100 + day.day for day in kept}
        days |= {229} if 228 in days else set()
        # As the index `client_birthday` has it.
        number = "EXTRACT(MONTH FROM birthday) * 100 + EXTRACT(DAY FROM birthday)"
        return (
            f"SELECT id AS client_id FROM loyalty_client WHERE birthday IS NOT NULL"
            f" AND ({number}) = ANY({span.value(sorted(days))}::numeric[])",
        )


def day_in_words(shift: int) -> str:
    """A day as counted from today."""
    if not shift:
        return t("today")
    if shift > 0:
        return ngettext("%(n)d day ahead", "%(n)d days ahead", shift) % {"n": shift}
    return ngettext("%(n)d day ago", "%(n)d days ago", -shift) % {"n": -shift}
