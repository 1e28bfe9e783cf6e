"""A date kept in an attribute of the client, and how near it is."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions import comparison
from segments.conditions.attribute import CUSTOM, known, value_of
from segments.conditions.base import Condition
from segments.conditions.birthday import day_in_words
from segments.facts import Facts, Span, Term

_FAR = 3660


class NearDateCondition(Condition):
    """The date in a custom attribute is one of the days from `first` to `last`, counted from today; both count (T53).

    Today is the day by the client's own clock. What is no date written YYYY-MM-DD, alone or at the beginning of a
    moment, holds for nobody.
    """

    icon = "event_upcoming"

    attribute = models.CharField(
        _("attribute"), max_length=100, help_text=_("A custom attribute is written attributes.NAME.")
    )
    first = models.SmallIntegerField(
        _("from day"),
        default=-14,
        validators=[MinValueValidator(-_FAR), MaxValueValidator(_FAR)],
        help_text=_("0: today; 7: in seven days; −3: three days ago."),
    )
    last = models.SmallIntegerField(
        _("to day"), default=14, validators=[MinValueValidator(-_FAR), MaxValueValidator(_FAR)]
    )

    class Meta:
        verbose_name = _("date in an attribute is near")
        verbose_name_plural = _("dates in attributes that are near")

    def clean(self) -> None:
        if not self.attribute.startswith(CUSTOM) or not known(self.attribute):
            raise ValidationError({"attribute": _("A custom attribute is written attributes.NAME.")})
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValidationError({"last": _("This is before the first day.")})

    def term(self, facts: Facts) -> Term:
        text, _json = value_of(facts, self.attribute)
        today = f"({facts.local()})::date"
        first, last = (
            f"to_char({today} + {facts.value(shift)}::int, 'YYYY-MM-DD')" for shift in (self.first, self.last)
        )
        # As text: days sort as they are written, and "2026-13-99" of a client is no error.
        day = f"substring({text} FROM '{comparison.DAY}') COLLATE \"C\""
        return Term(f"{day} BETWEEN {first} AND {last}", {"value": text, "today": today})

    def sentence(self) -> str:
        words = {
            "date": self.attribute.removeprefix(CUSTOM),
            "first": day_in_words(self.first),
            "last": day_in_words(self.last),
        }
        if self.first == self.last:
            return t("the date «%(date)s»: %(first)s") % words
        return t("the date «%(date)s»: from %(first)s to %(last)s") % words

    def seen(self, saw: Mapping[str, Any]) -> str:
        if saw["value"] in (None, ""):
            return t("is not filled in")
        return t("is «%(value)s»; today is %(today)s") % {"value": saw["value"], "today": saw["today"].isoformat()}

    def changing(self, span: Span) -> tuple[str, ...] | None:
        # On a new day, anyone; no index knows the attributes.
        return None if span.days_begun() else ()
