"""Waiting for a time."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from loyalty.local_time import moment, next_open
from loyalty.services import zones
from scenarios.durations import Unit, in_words, length
from scenarios.steps import anchors, dates
from scenarios.steps.base import Step
from scenarios.steps.outcomes import NEXT, Batch, Outcome, RunView
from scenarios.steps.wait_words import days_of_week, hours

# Nobody waits longer; and no calendar ends before it.
MAX_DAYS = 3650


class Wait(Step):
    """Waits: some time, some days until a time of day, until a weekly window opens, or until a date (semantics §10).

    Hours and minutes are absolute, and a day of `LENGTH` is 24 hours; the other modes go by the calendar and the
    clock of the client's zone. A run keeps the end that it was given, whatever a later release says of the step.
    """

    icon = "hourglass_empty"

    class Mode(models.TextChoices):
        LENGTH = "length", _("for some time")
        CLOCK = "clock", _("some days, then until a time of day")
        WINDOW = "window", _("until certain hours or days of the week")
        DATE = "date", _("until a date")

    class Shift(models.TextChoices):
        ON = "on", _("on the day itself")
        BEFORE = "before", _("days before it")
        AFTER = "after", _("days after it")

    class WhenPast(models.TextChoices):
        CONTINUE = "continue", _("go on at once")
        LEAVE = "leave", _("leave the scenario")

    mode = models.CharField(_("wait"), max_length=6, choices=Mode, default=Mode.LENGTH)
    amount = models.PositiveIntegerField(_("how long"), default=1)
    unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.DAYS)
    days = models.PositiveIntegerField(
        _("days"), default=1, validators=[MaxValueValidator(MAX_DAYS)], help_text=_("0: the same day, 1: the next.")
    )
    counted_from = models.CharField(
        _("counted from"), max_length=8, choices=anchors.CountedFrom, default=anchors.CountedFrom.NOW
    )
    at = models.TimeField(_("time of day"), default=time(10), help_text=_("In the client's own time zone."))
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        verbose_name=_("days of the week"),
        default=list,
        blank=True,
        help_text=_("None: any day."),
    )
    opens = models.TimeField(pgettext_lazy("time", "from"), null=True, blank=True)
    closes = models.TimeField(_("till"), null=True, blank=True)
    date_of = models.CharField(_("date"), max_length=13, choices=dates.DateOf, default=dates.DateOf.GIVEN)
    given = models.DateField(_("which date"), null=True, blank=True)
    name = models.CharField(
        _("attribute or property"), max_length=100, blank=True, help_text=_("Its value is a date such as 2026-12-31.")
    )
    shift = models.CharField(_("when"), max_length=6, choices=Shift, default=Shift.ON)
    shift_days = models.PositiveIntegerField(_("number of days"), default=0, validators=[MaxValueValidator(MAX_DAYS)])
    when_past = models.CharField(
        _("where that is past already, or there is no date"),
        max_length=8,
        choices=WhenPast,
        default=WhenPast.CONTINUE,
    )

    class Meta:
        verbose_name = _("wait")
        verbose_name_plural = _("waits")

    def clean(self) -> None:
        wrong: dict[str, str] = {}
        if self.mode == self.Mode.LENGTH and length(1, self.unit) * (self.amount or 0) > timedelta(days=MAX_DAYS):
            wrong["amount"] = t("Ten years at most.")
        if self.mode == self.Mode.WINDOW:
            if not self.weekdays and self.opens is None and self.closes is None:
                wrong["weekdays"] = t("Choose days of the week or hours.")
            if self.opens is not None and self.opens == self.closes:
                wrong["closes"] = t("The hours must end at another time than they begin.")
        if self.mode == self.Mode.DATE:
            if self.date_of == dates.DateOf.GIVEN and self.given is None:
                wrong["given"] = t("Give the date.")
            if self.date_of in (dates.DateOf.ATTRIBUTE, dates.DateOf.EVENT) and not self.name:
                wrong["name"] = t("Say where the date is.")
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        after = anchors.AFTER.get(self.counted_from)
        match self.mode:
            case self.Mode.CLOCK:
                words = {"time": in_words(self.days, Unit.DAYS), "clock": f"{self.at:%H:%M}", "after": after}
                if after:
                    return t("Wait until %(clock)s, %(time)s %(after)s") % words
                return t("Wait %(time)s, until %(clock)s") % words if self.days else t("Wait until %(clock)s") % words
            case self.Mode.WINDOW:
                parts = (days_of_week(self.weekdays), hours(self.opens, self.closes))
                return t("Wait until it is %(when)s") % {"when": ", ".join(filter(None, parts))}
            case self.Mode.DATE:
                return self._until_date()
            case _:
                words = {"time": in_words(self.amount, self.unit), "after": after}
                return t("Wait until %(time)s %(after)s") % words if after else t("Wait %(time)s") % words

    def _until_date(self) -> str:
        given = self.given.strftime("%d.%m.%Y") if self.given else "…"
        name = self.name or "…"
        names = {
            dates.DateOf.GIVEN: given,
            dates.DateOf.BIRTHDAY: pgettext("until", "the birthday"),
            dates.DateOf.REGISTERED: pgettext("until", "the day of registration"),
            dates.DateOf.ATTRIBUTE: pgettext("until", "the date in «%(attribute)s»") % {"attribute": name},
            dates.DateOf.PROMO: pgettext("until", "the last day of the promo code"),
            dates.DateOf.EVENT: pgettext("until", "the date in the event's «%(property)s»") % {"property": name},
        }
        day = names.get(dates.DateOf(self.date_of), given)
        words = {"time": in_words(self.shift_days, Unit.DAYS), "day": day, "clock": f"{self.at:%H:%M}"}
        if not self.shift_days or self.shift == self.Shift.ON:
            return t("Wait until %(day)s, %(clock)s") % words
        if self.shift == self.Shift.BEFORE:
            return t("Wait until %(time)s before %(day)s, %(clock)s") % words
        return t("Wait until %(time)s after %(day)s, %(clock)s") % words

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        # A timer keeps its end. But whether the last message was sent, and when, is known after the wait begins.
        asked = [run for run in batch.runs if not run.waiting or run.waiting_until is None or self._by_message()]
        ends = self._ends(asked, batch, now) if asked else {}
        kept = {run.id: run.waiting_until for run in batch.runs if run.waiting_until} | ends
        return [self._outcome(run, kept.get(run.id), now) for run in batch.runs]

    def _by_message(self) -> bool:
        return self.mode in (self.Mode.LENGTH, self.Mode.CLOCK) and self.counted_from == anchors.CountedFrom.MESSAGE

    def _outcome(self, run: RunView, end: datetime | None, now: datetime) -> Outcome:
        if end is not None and end > now:
            # The message may be one that this very transaction writes: it is looked for as soon as it is there.
            return Outcome(until=end, again=now if self._by_message() and not run.waiting else None)
        if run.waiting:
            return NEXT
        reason = "no_date" if end is None else "date_past" if end < now else ""
        return Outcome(end="exited", reason=reason) if reason and self._leaves() else Outcome(reason=reason)

    def _leaves(self) -> bool:
        return self.when_past == self.WhenPast.LEAVE and self.mode in (self.Mode.CLOCK, self.Mode.DATE)

    def _ends(self, runs: Sequence[RunView], batch: Batch, now: datetime) -> dict[int, datetime]:
        """When the runs' waits end, by run; absent where there is no such date."""
        where = {run.id: zones.named(batch.clients[run.client_id].zone) for run in runs}
        match self.mode:
            case self.Mode.WINDOW:
                return {run.id: next_open(now, where[run.id], self.weekdays, self.opens, self.closes) for run in runs}
            case self.Mode.DATE:
                days = dates.days(self.date_of, self.name, self.given, batch, runs)
                return {run.id: self._on(days[run.id], where[run.id], now) for run in runs if run.id in days}
            case _:
                counted = anchors.moments(self.counted_from, runs, now)
                # Where there was no such thing yet, the wait counts from its own beginning.
                since = {run.id: counted.get(run.id) or run.waiting_since or now for run in runs}
                if self.mode == self.Mode.LENGTH:
                    return {run.id: since[run.id] + length(self.amount, self.unit) for run in runs}
                return {run.id: self._clock(since[run.id], where[run.id]) for run in runs}

    def _clock(self, since: datetime, where: ZoneInfo) -> datetime:
        return moment(since.astimezone(where).date() + timedelta(days=self.days), self.at, where)

    def _on(self, day: date, where: ZoneInfo, now: datetime) -> datetime:
        sign = {"before": -1, "after": 1}.get(self.shift, 0)
        shift = timedelta(days=sign * self.shift_days)
        if self.date_of != dates.DateOf.BIRTHDAY:
            return moment(day + shift, self.at, where)
        # A birthday comes back: the next one whose moment is still to come.
        today = now.astimezone(where).date()
        for after in (today - shift, today - shift + timedelta(days=1)):
            end = moment(dates.next_yearly(day, after) + shift, self.at, where)
            if end > now:
                return end
        return end
