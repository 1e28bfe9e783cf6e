"""Bonuses that are about to burn, or that have burnt (semantics §38; T27, T33, T34)."""

from collections.abc import Collection
from datetime import datetime, time, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.services import programme
from scenarios.durations import Unit, in_words
from scenarios.triggers.base import Due, Entry, EventView, Trigger
from scenarios.triggers.days import HOME, ZONE, bounds, days_due


class BurningTrigger(Trigger):
    """Starts n days before bonuses burn, when the accrual's own warning is due, or once they have burnt.

    What burns on one day is one entry of a client; what is left of it is looked at when the moment has come. An
    occurrence is named after the day's first lot: `lot:77:-3d`, `lot:77:warning`, `lot:77:burnt`.
    """

    class When(models.TextChoices):
        BEFORE = "before", _("days before they burn")
        WARNING = "warning", _("when the accrual says to warn")
        BURNT = "burnt", _("when they have burnt")

    icon = "local_fire_department"
    tells = ("amount", "date", "lots")
    timed = True
    backfills = True

    when = models.CharField(_("when"), max_length=10, choices=When, default=When.BEFORE)
    days = models.PositiveIntegerField(_("days"), default=7, validators=[MinValueValidator(1), MaxValueValidator(3660)])
    at = models.TimeField(_("at"), default=time(10), help_text=_("By the client's clock."))

    class Meta:
        verbose_name = _("bonuses burn")
        verbose_name_plural = _("burning bonuses")

    def sentence(self) -> str:
        match self.when:
            case self.When.BEFORE:
                words = {"days": in_words(self.days, Unit.DAYS), "time": f"{self.at:%H:%M}"}
                return t("%(days)s before bonuses burn, at %(time)s of the client's clock") % words
            case self.When.WARNING:
                return t("When an accrual's own warning of burning is due")
            case _:
                return t("When bonuses have burnt")

    def listens_to(self) -> Collection[str]:
        events = {self.When.WARNING: ("bonus.expiring",), self.When.BURNT: ("bonus.expired",)}
        return events.get(self.When(self.when), ())

    def entry(self, event: EventView) -> Entry | None:
        lots = event.payload.get("lots") or [0]
        return Entry(event, f"lot:{min(lots)}:{self.when}")

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Whose bonuses burn in so many days at most."""
        return self.due(now - timedelta(days=self.days), now, zones)

    def due(self, since: datetime, until: datetime, zones: Collection[str]) -> list[Due]:
        if self.when != self.When.BEFORE:
            return []
        zone, parts = programme.zone().key, []
        for day, names in days_due(self.at, zones, since, until).items():
            burns_on = day + timedelta(days=self.days)
            starts, ends = bounds(burns_on, zone)
            values = {
                "starts": starts, "ends": ends, "names": names, "zone": zone, "date": burns_on.isoformat(),
                "suffix": f":-{self.days}d",
            }  # fmt: skip
            parts.append(Due(day.isoformat(), _LOTS, values))
        return parts


_LOTS = f"""
SELECT l.client_id,
       'lot:' || (SELECT min(m.id) FROM loyalty_bonuslot m
                  WHERE m.client_id = l.client_id AND m.expires_at >= %(starts)s AND m.expires_at < %(ends)s)
              || %(suffix)s AS occurrence,
       jsonb_build_object('entry', jsonb_build_object(
         'amount', sum(l.remaining), 'date', %(date)s::text, 'lots', jsonb_agg(l.id ORDER BY l.id))) AS context
FROM loyalty_bonuslot l JOIN loyalty_client c ON c.id = l.client_id {HOME}
WHERE l.remaining > 0 AND l.expires_at >= %(starts)s AND l.expires_at < %(ends)s
  AND c.merged_into_id IS NULL AND {ZONE} = ANY(%(names)s)
GROUP BY l.client_id"""  # noqa: S608 (fixed texts)
