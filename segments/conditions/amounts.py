"""Columns that several types have: how often, how much, in which window."""

from datetime import timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.formats import number_format
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from segments.facts import Facts, Span

# A hundred years: farther back than anything happened, and dates still can be counted.
MAX_DAYS = 36_500


def days_ago(days: int | None) -> timedelta:
    """So many days, as 24 hours each (semantics §10)."""
    return timedelta(days=days or 0)


def plain(number: Decimal | int) -> str:
    """A number in the current language, without idle zeros."""
    value = Decimal(number).normalize()
    return number_format(f"{value:f}", use_l10n=True, force_grouping=True)


def in_days(days: int) -> str:
    """ "3 days"."""
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


class Windowed(models.Model):
    """The last d × 24 hours, both ends included; or all time up to now."""

    days = models.PositiveIntegerField(
        _("within days"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_DAYS)],
        help_text=_("Empty: at any time."),
    )

    class Meta:
        abstract = True

    def inside(self, facts: Facts, column: str) -> str:
        """Whether a moment lies in the window."""
        until = f"{column} <= {facts.moment()}"
        return until if self.days is None else f"{until} AND {column} >= {facts.moment(days_ago(self.days))}"

    def edges(self, span: Span, column: str) -> str:
        """Whether a moment came into the window or left it in the span."""
        return span.crossed(column, timedelta(0), *([days_ago(self.days)] if self.days else []))

    def within(self, sentence: str) -> str:
        """The sentence with the window."""
        if self.days is None:
            return sentence
        within = ngettext("in the last %(n)d day", "in the last %(n)d days", self.days) % {"n": self.days}
        return f"{sentence} {within}"


class Counted(Windowed):
    """At least, or at most, n times in the window."""

    class Bound(models.TextChoices):
        AT_LEAST = "at_least", _("at least")
        AT_MOST = "at_most", _("at most")

    bound = models.CharField(_("how often"), max_length=10, choices=Bound, default=Bound.AT_LEAST)
    count = models.PositiveIntegerField(
        _("times"), default=1, validators=[MaxValueValidator(1_000_000)], help_text=_("“At most” with 0: never.")
    )

    class Meta:
        abstract = True

    def often_enough(self, facts: Facts, column: str) -> str:
        """Whether a count is within the bound; a client without a row counts as 0."""
        limit = facts.value(self.count)
        if self.bound == self.Bound.AT_MOST:
            return f"coalesce({column}, 0) <= {limit}"
        # Without coalesce where 0 is too few anyway: the planner may then begin with those who have a row.
        return f"{column} >= {limit}" if self.count else "TRUE"

    def how_often(self) -> str:
        """ "at least 2 times in the last 90 days"."""
        if self.bound == self.Bound.AT_MOST and not self.count:
            return self.within(t("never"))
        times = ngettext("%(n)d time", "%(n)d times", self.count) % {"n": self.count}
        return self.within(f"{self.get_bound_display()} {times}")  # type: ignore[attr-defined]  # of `choices`


def happened(count: int | None) -> str:
    """What a count of happenings saw."""
    return ngettext("happened %(n)d time", "happened %(n)d times", count or 0) % {"n": count or 0}


class Measured(models.Model):
    """An amount that is at least, at most, or from … to; bounds are included."""

    class Bound(models.TextChoices):
        AT_LEAST = "at_least", _("at least")
        AT_MOST = "at_most", _("at most")
        BETWEEN = "between", _("from … to …")

    bound = models.CharField(_("bound"), max_length=10, choices=Bound, default=Bound.AT_LEAST)
    amount = models.DecimalField(
        pgettext_lazy("measured", "amount"), max_digits=14, decimal_places=2, validators=[MinValueValidator(0)]
    )
    amount_to = models.DecimalField(
        pgettext_lazy("range", "to"),
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        if self.bound != self.Bound.BETWEEN:
            self.amount_to = None
        elif self.amount_to is None:
            raise ValidationError({"amount_to": _("Give the upper bound.")})
        elif self.amount is not None and self.amount_to < self.amount:
            raise ValidationError({"amount_to": _("This is less than the lower bound.")})

    def fits(self, facts: Facts, column: str, digits: int = 0) -> str:
        """Whether SQL's number, in units with so many digits after the point, is within the bounds."""

        def limit(amount: Decimal | None) -> str:
            return f"{facts.value(Decimal(amount or 0).scaleb(digits))}::numeric"

        match self.bound:
            case self.Bound.AT_LEAST:
                return f"{column} >= {limit(self.amount)}"
            case self.Bound.AT_MOST:
                return f"{column} <= {limit(self.amount)}"
        return f"{column} BETWEEN {limit(self.amount)} AND {limit(self.amount_to)}"

    def how_much(self) -> str:
        """ "at least 500"."""
        if self.bound == self.Bound.BETWEEN:
            return t("from %(low)s to %(high)s") % {"low": plain(self.amount), "high": plain(self.amount_to or 0)}
        return f"{self.get_bound_display()} {plain(self.amount)}"  # type: ignore[attr-defined]  # of `choices`
