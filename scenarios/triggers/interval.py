"""Some time after the last purchase or visit: fixed, the client's own, or as usual for the client (T24, T28, T52)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.event_names import event_label
from loyalty.local_time import moment
from loyalty.services import zones
from scenarios import properties
from scenarios.durations import Unit, in_words
from scenarios.triggers.base import Entry, EventView, Trigger

DAY = timedelta(days=1)
# Longer than this is no interval but a mistake in an attribute.
LONGEST = 3660


class IntervalTrigger(Trigger):
    """Starts when the next purchase or visit is expected: an interval after the last one, or days before that.

    Every new base event starts the clock again, and is looked for once more when it is due. The interval is a number
    of days, a custom attribute of the client (days, or the date itself), or the median of the days between the
    client's own base events; where these say nothing, the number of days; where that is empty, nothing starts.
    """

    class Counted(models.TextChoices):
        FIXED = "fixed", _("a number of days")
        ATTRIBUTE = "attribute", _("a custom attribute of the client: days or a date")
        USUAL = "usual", _("the client's usual interval: the median of all so far")

    icon = "update"

    base_event = models.CharField(_("since"), max_length=100, default="order.paid")
    base_filters = models.JSONField(
        _("only if the event says"), default=list, blank=True, validators=[properties.check]
    )
    counted = models.CharField(_("interval"), max_length=10, choices=Counted, default=Counted.USUAL)
    attribute = models.CharField(_("attribute"), max_length=100, blank=True)
    percent = models.PositiveIntegerField(
        _("of the interval, %"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("83: a sixth sooner than usual; 200: after twice the time."),
    )
    days = models.PositiveIntegerField(
        _("days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST)],
        help_text=_("Also where the client's own interval is not known. Empty: then nothing starts."),
    )
    least_days = models.PositiveIntegerField(
        _("at least, days"), default=0, validators=[MaxValueValidator(LONGEST)], help_text=_("However short it is.")
    )
    before = models.PositiveIntegerField(_("days before"), default=0, validators=[MaxValueValidator(LONGEST)])
    at = models.TimeField(_("at"), default=time(10), help_text=_("By the client's clock."))

    class Meta:
        verbose_name = _("next purchase or visit expected")
        verbose_name_plural = _("expected purchases and visits")

    def clean(self) -> None:
        if self.counted == self.Counted.FIXED and not self.days:
            raise ValidationError({"days": _("Give the number of days.")})
        if self.counted == self.Counted.ATTRIBUTE and not self.attribute:
            raise ValidationError({"attribute": _("Give the name of the attribute.")})

    def sentence(self) -> str:
        intervals = {
            self.Counted.FIXED: in_words(self.days or 0, Unit.DAYS),
            self.Counted.ATTRIBUTE: t("«%(attribute)s»") % {"attribute": self.attribute},
            self.Counted.USUAL: t("the client's usual interval"),
        }
        words = {
            "base": properties.with_filters(event_label(self.base_event), self.base_filters),
            "interval": intervals[self.Counted(self.counted)],
            "time": f"{self.at:%H:%M}",
            "days": in_words(self.before, Unit.DAYS),
        }
        if self.percent != 100:
            words["interval"] = t("%(percent)d%% of %(interval)s") % {"percent": self.percent, **words}
        if self.least_days:
            least = in_words(self.least_days, Unit.DAYS)
            words["interval"] = t("%(interval)s, but not sooner than %(least)s,") % {"least": least, **words}
        if self.before:
            return t("%(days)s before the end of: %(interval)s after the last %(base)s, at %(time)s") % words
        return t("%(interval)s after the last %(base)s, at %(time)s of the client's clock") % words

    def listens_to(self) -> Collection[str]:
        return (self.base_event,)

    def broken_by(self) -> Collection[str]:
        return (self.base_event,)

    @property
    def picky(self) -> bool:
        return bool(self.base_filters)

    def breaks(self, payload: Mapping[str, object]) -> bool:
        return properties.hold(self.base_filters, payload)

    def entries(self, events: Sequence[EventView], now: datetime) -> list[Entry]:
        events = [event for event in events if properties.hold(self.base_filters, event.payload)]
        ids = {event.client_id for event in events}
        homes = zones.of_clients(ids)
        own = self._own(ids)
        entries = []
        for event in events:
            where = homes[event.client_id]
            day = self._day(event, own.get(event.client_id), where)
            if day is not None:
                due_at = max(moment(day, self.at, where), event.occurred_at)
                occurrence = f"expected:{event.id}" + (f":-{self.before}d" if self.before else "")
                entries.append(Entry(event, occurrence, due_at, f"expected:{self.key}"))
        return entries

    def _day(self, event: EventView, own: str | float | None, where: ZoneInfo) -> date | None:
        """The client's day of the entry; None where no interval is known."""
        last = event.occurred_at.astimezone(where).date()
        if isinstance(own, str):
            try:
                return date.fromisoformat(own[:10]) - self.before * DAY
            except ValueError:
                own = _days(own)
        days = own if own is not None else self.days
        if days is None:
            return None
        counted = max(round(days * self.percent / 100), self.least_days)
        return last + min(counted, LONGEST) * DAY - self.before * DAY

    def _own(self, client_ids: Collection[int]) -> Mapping[int, str | float]:
        """What is known of each client: days, or the text of an attribute."""
        if self.counted == self.Counted.FIXED:
            return {}
        name = self.attribute.removeprefix("attributes.")
        values: dict[str, Any] = {"clients": list(client_ids), "name": name, "event": self.base_event}
        with connection.cursor() as cursor:
            if self.counted == self.Counted.ATTRIBUTE:
                cursor.execute(
                    "SELECT id, attributes -> %(name)s FROM loyalty_client WHERE id = ANY(%(clients)s)", values
                )
                told = {client_id: orjson.loads(value) for client_id, value in cursor.fetchall() if value is not None}
                return {
                    client_id: value
                    for client_id, value in told.items()
                    if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
                }
            cursor.execute(_OF_ORDERS if self.base_event in ("order.paid", "order.created") else _OF_EVENTS, values)
            return dict(cursor.fetchall())


def _days(text: str) -> float | None:
    try:
        days = float(Decimal(text))
    except InvalidOperation:
        return None
    return days if 0 < days <= LONGEST else None


# The median of the days between neighbours, by client.
_MEDIAN = """
SELECT client_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM (
  SELECT client_id, EXTRACT(EPOCH FROM at - lag(at) OVER (PARTITION BY client_id ORDER BY at)) / 86400 AS gap
  FROM ({dates}) AS d) AS gaps
WHERE gap IS NOT NULL GROUP BY client_id"""
_OF_ORDERS = _MEDIAN.format(
    dates="""SELECT client_id, ordered_at AS at FROM loyalty_order
             WHERE client_id = ANY(%(clients)s) AND status IN ('paid', 'part_refunded')"""
)
_OF_EVENTS = _MEDIAN.format(
    dates="""SELECT client_id, occurred_at AS at FROM loyalty_event
             WHERE client_id = ANY(%(clients)s) AND name = %(event)s"""
)
