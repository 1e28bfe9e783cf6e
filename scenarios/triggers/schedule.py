"""A calendar date, or a recurring schedule, over a segment or everybody."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from functools import cached_property
from itertools import islice, takewhile

from dateutil.rrule import DAILY, MO, MONTHLY, WEEKLY, YEARLY, rrule, rrulestr, weekday
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.local_time import moment
from loyalty.services import programme
from scenarios.triggers.base import Due, Trigger
from segments.models import Segment

# A rule is looked at this far ahead: one that says nothing by then says nothing.
HORIZON = timedelta(days=10 * 366)


class ScheduleTrigger(Trigger):
    """Starts at a moment, or at every moment of a rule (RFC 5545), for a segment or for all clients (semantics §3).

    Days and hours are the programme's. A time that a clock change skips is the first valid one after it, one that
    it repeats comes once. An occurrence is `schedule:2026-05-01T11:00`; the conditions choose among the clients.
    """

    class Repeat(models.TextChoices):
        ONCE = "once", _("once")
        DAILY = "daily", _("every day")
        WEEKLY = "weekly", _("every week, on weekdays")
        MONTHLY = "monthly", _("every month, on the day of the first date")
        YEARLY = "yearly", _("every year, on the first date")
        RULE = "rule", _("by a rule")

    icon = "calendar_month"
    tells = ("date",)
    timed = True
    backfills = True
    chooses = True

    segment = models.ForeignKey(
        Segment,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("segment"),
        help_text=_("Empty: all clients."),
    )
    starts_on = models.DateField(_("first date"))
    at = models.TimeField(_("at"), default=time(11), help_text=_("By the programme's clock."))
    repeat = models.CharField(_("repeat"), max_length=10, choices=Repeat, default=Repeat.ONCE)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("weekdays"), default=list, blank=True)
    rule = models.CharField(
        _("rule"),
        max_length=300,
        blank=True,
        help_text=_("An RFC 5545 rule such as FREQ=MONTHLY;BYDAY=-1FR (the last Friday of every month)."),
    )
    ends_on = models.DateField(_("last date"), null=True, blank=True, help_text=_("Empty: without an end."))

    class Meta:
        verbose_name = _("date or schedule")
        verbose_name_plural = _("dates and schedules")

    def clean(self) -> None:
        wrong: dict[str, object] = {}
        if any(not 1 <= number <= 7 for number in self.weekdays):
            wrong["weekdays"] = _("Weekdays are numbers from 1 (Monday) to 7.")
        elif self.repeat == self.Repeat.WEEKLY and not self.weekdays:
            wrong["weekdays"] = _("Choose at least one weekday.")
        if self.ends_on and self.ends_on < self.starts_on:
            wrong["ends_on"] = _("This is before the first date.")
        if wrong:
            raise ValidationError(wrong)
        if self.repeat == self.Repeat.RULE:
            try:
                self.check_rule()
            except ValueError as error:
                raise ValidationError({"rule": str(error)}) from None
        elif not self.next_moments(self._start - timedelta(days=1), 1):
            raise ValidationError(_("No date fits."))

    def check_rule(self) -> None:
        """Raises ValueError, in the current language, where the rule cannot be read or never comes."""
        text = self.rule.upper()
        if not text or any(part in text for part in ("DTSTART", "RDATE", "EXDATE", "\n", "\\N")):
            raise ValueError(t("Give one rule, such as FREQ=WEEKLY;BYDAY=MO,TH."))
        if any(part in text for part in ("SECONDLY", "MINUTELY", "HOURLY", "BYSECOND", "BYEASTER")):
            raise ValueError(t("A rule may repeat daily, weekly, monthly or yearly."))
        try:
            found = _read(text, self._start).replace(count=None, until=self._start + HORIZON)
            first = next(iter(found), None)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(t("The rule cannot be read: %(reason)s") % {"reason": error}) from None
        if first is None:
            raise ValueError(t("The rule never comes."))

    @property
    def _start(self) -> datetime:
        """The first date and time, by the programme's clock (naive)."""
        return datetime.combine(self.starts_on, self.at)

    @cached_property
    def _moments(self) -> rrule:
        """The rule; what it has said already is kept, as releases never change."""
        match self.repeat:
            case self.Repeat.RULE:
                return _read(self.rule, self._start)
            case self.Repeat.WEEKLY:
                days = [weekday(number - 1) for number in self.weekdays] or [MO]
                return rrule(WEEKLY, dtstart=self._start, byweekday=days, cache=True)
            case self.Repeat.ONCE:
                return rrule(DAILY, dtstart=self._start, count=1, cache=True)
            case repeat:
                often = {self.Repeat.DAILY: DAILY, self.Repeat.MONTHLY: MONTHLY, self.Repeat.YEARLY: YEARLY}
                return rrule(often[self.Repeat(repeat)], dtstart=self._start, cache=True)

    def _lasts(self, local: datetime) -> bool:
        return self.ends_on is None or local.date() <= self.ends_on

    def next_moments(self, after: datetime, number: int = 5) -> list[datetime]:
        """The next moments (UTC) after one (UTC, or naive by the programme's clock)."""
        where = programme.zone()
        local = after.astimezone(where).replace(tzinfo=None) if after.tzinfo else after
        found = islice(takewhile(self._lasts, self._moments.xafter(local)), number)
        return [moment(one.date(), one.time(), where) for one in found]

    def sentence(self) -> str:
        words = {
            "date": date_format(self.starts_on, "j E Y"),
            "time": f"{self.at:%H:%M}",
            "who": t("segment «%(segment)s»") % {"segment": self.segment.name} if self.segment else t("all clients"),
            "weekdays": ", ".join(str(WEEKDAYS[number - 1]) for number in sorted(self.weekdays)),
            "day": self.starts_on.day,
            "rule": self.rule,
        }
        match self.repeat:
            case self.Repeat.ONCE:
                return t("On %(date)s at %(time)s: %(who)s") % words
            case self.Repeat.DAILY:
                return t("Every day at %(time)s, from %(date)s: %(who)s") % words
            case self.Repeat.WEEKLY:
                return t("Every week at %(time)s (%(weekdays)s), from %(date)s: %(who)s") % words
            case self.Repeat.MONTHLY:
                return t("Every month on day %(day)d at %(time)s, from %(date)s: %(who)s") % words
            case self.Repeat.YEARLY:
                return t("Every year at %(time)s, from %(date)s: %(who)s") % words
            case _:
                return t("By the rule %(rule)s at %(time)s, from %(date)s: %(who)s") % words

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Everybody whom the schedule is for, without waiting for its next moment."""
        values = {"occurrence": f"now:{self.key}", "date": now.date().isoformat(), "segment": self.segment_id}
        return [Due("now", _MEMBERS if self.segment_id else _EVERYBODY, values)]

    def due(self, since: datetime, until: datetime, zones: Collection[str]) -> list[Due]:
        where, day = programme.zone(), timedelta(days=1)
        early, late = (one.astimezone(where).replace(tzinfo=None) for one in (since - day, until + day))
        parts = []
        for one in filter(self._lasts, self._moments.between(early, late, inc=True)):
            if since < moment(one.date(), one.time(), where) <= until:
                said = one.isoformat(timespec="minutes")
                values = {"occurrence": f"schedule:{said}", "date": one.date().isoformat(), "segment": self.segment_id}
                parts.append(Due(said, _MEMBERS if self.segment_id else _EVERYBODY, values))
        return parts


def _read(text: str, start: datetime) -> rrule:
    """The rule of a text. Raises ValueError, and other errors of its library, where it is none."""
    found = rrulestr(text.upper().removeprefix("RRULE:"), dtstart=start, cache=True)
    if not isinstance(found, rrule):
        raise ValueError(t("Give one rule, such as FREQ=WEEKLY;BYDAY=MO,TH."))
    return found


_ROW = """%(occurrence)s::text AS occurrence,
          jsonb_build_object('entry', jsonb_build_object('date', %(date)s::text)) AS context"""
_MEMBERS = f"SELECT client_id, {_ROW} FROM segments_membership WHERE segment_id = %(segment)s"  # noqa: S608 (fixed)
_EVERYBODY = f"SELECT id AS client_id, {_ROW} FROM loyalty_client WHERE merged_into_id IS NULL"  # noqa: S608 (fixed)
