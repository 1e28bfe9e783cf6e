"""A date of the client: before, on or after it, once or every year."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.services import programme
from scenarios.durations import Unit, in_words
from scenarios.triggers.base import Due, Trigger
from scenarios.triggers.days import HOME, ZONE, bounds, days_due, kept_on

# Somebody who edits a date gets what it starts at most once in this time (semantics §7).
LEAST_GAP = timedelta(days=330)


class DateTrigger(Trigger):
    """Starts n days before, on or after a date of the client, at a time of day in the client's zone (semantics §3, §7).

    Birthdays are kept every year; other dates once, or every year from the next year on. Occurrences are
    `birthday:2026`, `birthday:2026:-7d`, `registered:2025-12-01:+30d`.
    """

    class Kept(models.TextChoices):
        BIRTHDAY = "birthday", _("birthday")
        REGISTERED = "registered", _("day of registration")
        FIRST_PURCHASE = "first_purchase", _("day of the first purchase")
        ATTRIBUTE = "attribute", _("date in a custom attribute")

    class Side(models.TextChoices):
        BEFORE = "before", pgettext_lazy("date", "before")
        ON = "on", _("on the day")
        AFTER = "after", pgettext_lazy("date", "after")

    icon = "cake"
    tells = ("date", "years")
    timed = True
    backfills = True
    least_gap = LEAST_GAP

    kept = models.CharField(_("date"), max_length=20, choices=Kept, default=Kept.BIRTHDAY)
    attribute = models.CharField(
        _("attribute"), max_length=100, blank=True, help_text=_("Its value is a date such as 2026-05-01.")
    )
    yearly = models.BooleanField(_("every year"), default=True)
    side = models.CharField(_("when"), max_length=10, choices=Side, default=Side.ON)
    days = models.PositiveIntegerField(_("days"), default=0, validators=[MaxValueValidator(3660)])
    at = models.TimeField(_("at"), default=time(10), help_text=_("By the client's clock."))

    class Meta:
        verbose_name = _("client's date")
        verbose_name_plural = _("clients' dates")

    def clean(self) -> None:
        if self.side != self.Side.ON and not self.days:
            raise ValidationError({"days": _("Give the number of days.")})
        if self.kept == self.Kept.ATTRIBUTE and not self.attribute:
            raise ValidationError({"attribute": _("Give the name of the attribute.")})
        if self.repeats and self.side != self.Side.ON and self.days > 330:
            raise ValidationError({"days": _("Of a date that is kept every year: at most 330.")})

    @property
    def repeats(self) -> bool:
        """Whether the date is kept every year; birthdays always are."""
        return self.yearly or self.kept == self.Kept.BIRTHDAY

    @property
    def shift(self) -> int:
        """Days from the date to the entry; negative before it."""
        return {self.Side.BEFORE: -self.days, self.Side.ON: 0, self.Side.AFTER: self.days}[self.Side(self.side)]

    def sentence(self) -> str:
        words = {
            "date": self._what(),
            "days": in_words(self.days, Unit.DAYS),
            "time": f"{self.at:%H:%M}",
        }
        match self.side:
            case self.Side.BEFORE:
                return t("%(date)s: %(days)s before, at %(time)s of the client's clock") % words
            case self.Side.AFTER:
                return t("%(date)s: %(days)s after, at %(time)s of the client's clock") % words
            case _:
                return t("%(date)s: on the day, at %(time)s of the client's clock") % words

    def _what(self) -> str:
        match self.kept:
            case self.Kept.BIRTHDAY:
                return t("Birthday")
            case self.Kept.REGISTERED:
                return t("Anniversary of the registration") if self.yearly else t("Day of registration")
            case self.Kept.FIRST_PURCHASE:
                return t("Anniversary of the first purchase") if self.yearly else t("Day of the first purchase")
            case _:
                name = {"attribute": self.attribute}
                return (t("Every year, date «%(attribute)s»") if self.yearly else t("Date «%(attribute)s»")) % name

    @property
    def _name(self) -> str:
        return self.attribute.removeprefix("attributes.") if self.kept == self.Kept.ATTRIBUTE else self.kept

    @property
    def _suffix(self) -> str:
        return f":{self.shift:+d}d" if self.shift else ""

    @property
    def family(self) -> str:
        return f"{self._name}:____{self._suffix}" if self.repeats else ""

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Those whose day has not passed, though the moment of the entry has."""
        days = self.days if self.side == self.Side.BEFORE else 1
        return self.due(now - timedelta(days=days), now, zones)

    def due(self, since: datetime, until: datetime, zones: Collection[str]) -> list[Due]:
        parts = []
        for day, names in days_due(self.at, zones, since, until).items():
            kept = day - timedelta(days=self.shift)
            occurrence = f"{self._name}:{kept.year if self.repeats else kept.isoformat()}{self._suffix}"
            sql, params = self._selected(kept, names)
            parts.append(
                Due(
                    day.isoformat(),
                    f"""SELECT client_id, %(occurrence)s::text AS occurrence,
                               jsonb_build_object('entry', jsonb_build_object('date', %(date)s::text, 'years', years))
                                 AS context
                        FROM ({sql}) AS found""",  # noqa: S608 (fixed texts)
                    params
                    | {
                        "occurrence": occurrence,
                        "date": kept.isoformat(),
                        "year": kept.year,
                        "names": names,
                        "zone": programme.zone().key,
                    },
                )
            )
        return parts

    def _selected(self, kept: date, names: list[str]) -> tuple[str, dict[str, Any]]:
        """Clients of the zones whose date is kept on that day, with the number of years since."""
        like = kept_on(kept, self.repeats)
        match self.kept:
            case self.Kept.BIRTHDAY:
                return _BIRTHDAYS, {"days": sorted({one.month * 100 + one.day for one in like}), "kept": kept}
            case self.Kept.ATTRIBUTE:
                marks = {f"--{one:%m-%d}" if self.repeats else one.isoformat() for one in like}
                return _ATTRIBUTES, {"keys": sorted(f"{self._name}={mark}" for mark in marks)}
            case _:
                spans = [(name, one.year, *bounds(one, name)) for name in names for one in like]
                zones, years, starts, ends = (list(column) for column in zip(*spans, strict=True))
                sql = _REGISTERED if self.kept == self.Kept.REGISTERED else _FIRST_PURCHASES
                return sql, {"zones": zones, "years": years, "starts": starts, "ends": ends}


_BIRTHDAYS = f"""
SELECT c.id AS client_id, %(year)s - EXTRACT(YEAR FROM c.birthday)::int AS years FROM loyalty_client c {HOME}
WHERE (EXTRACT(MONTH FROM c.birthday) * 100 + EXTRACT(DAY FROM c.birthday)) = ANY(%(days)s::numeric[])
  AND c.birthday < %(kept)s AND c.merged_into_id IS NULL AND {ZONE} = ANY(%(names)s)"""  # noqa: S608 (fixed texts)

_ATTRIBUTES = f"""
SELECT c.id AS client_id, NULL::int AS years FROM loyalty_client c {HOME}
WHERE c.attributes <> '{{}}' AND loyalty_dates(c.attributes) && %(keys)s::text[]
  AND c.merged_into_id IS NULL AND {ZONE} = ANY(%(names)s)"""  # noqa: S608 (fixed texts)

# One span a zone and year, each looked up by index: OFFSET 0 keeps the planner from joining them all to all clients.
_SPANS = """
unnest(%(zones)s::text[], %(years)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
  AS z(name, year, starts, ends)"""

_REGISTERED = f"""
SELECT c.id AS client_id, %(year)s - z.year AS years FROM {_SPANS}
JOIN LATERAL (
  SELECT c.id FROM loyalty_client c {HOME}
  WHERE c.registered_at >= z.starts AND c.registered_at < z.ends AND c.merged_into_id IS NULL AND {ZONE} = z.name
  OFFSET 0) AS c ON true"""  # noqa: S608 (fixed texts)

_FIRST_PURCHASES = f"""
SELECT c.id AS client_id, %(year)s - z.year AS years FROM {_SPANS}
JOIN LATERAL (
  SELECT DISTINCT c.id FROM loyalty_order o JOIN loyalty_client c ON c.id = o.client_id {HOME}
  WHERE o.ordered_at >= z.starts AND o.ordered_at < z.ends AND o.status IN ('paid', 'part_refunded')
    AND c.merged_into_id IS NULL AND {ZONE} = z.name
    AND NOT EXISTS (
      SELECT 1 FROM loyalty_order e
      WHERE e.client_id = o.client_id AND e.ordered_at < z.starts AND e.status IN ('paid', 'part_refunded'))
  OFFSET 0) AS c ON true"""  # noqa: S608 (fixed texts)
