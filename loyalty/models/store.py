"""Where the shops stand, and where clients were seen last."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60  # minutes


def minutes(clock: Any) -> int:
    """“09:30” as minutes after midnight; 24:00 is the end of the day. Raises ValueError."""
    hour, colon, minute = clock.partition(":") if isinstance(clock, str) else ("", "", "")
    if not (colon and hour.isascii() and hour.isdecimal() and minute.isascii() and minute.isdecimal()):
        raise ValueError(clock)
    whole = int(hour[:3]) * 60 + int(minute[:3])
    if int(minute[:3]) > 59 or whole > DAY:
        raise ValueError(clock)
    return whole


def valid_hours(hours: Any) -> None:
    """Raises ValidationError, naming day and reason, unless `hours` is `{"mon": [["09:00", "13:00"], …], …}`.

    A day may have several spans, in order and apart; one that ends before it begins (18:00–02:00) ends on the next day.
    """
    if not isinstance(hours, dict):
        raise ValidationError(t("Opening hours are given by weekday."))
    for day, spans in hours.items():
        if day not in WEEKDAYS:
            raise ValidationError(t("%(day)s: is no weekday (mon … sun)") % {"day": day})
        if not isinstance(spans, list):
            raise ValidationError(t("%(day)s: a list of spans is needed") % {"day": day})
        free = 0
        for span in spans:
            try:
                begin, end = (minutes(clock) for clock in span)
            except (TypeError, ValueError):
                raise ValidationError(t("%(day)s: a span is like 09:00–18:00") % {"day": day}) from None
            if begin == end or begin < free or begin == DAY:
                raise ValidationError(t("%(day)s: the spans have to follow one another") % {"day": day})
            free = end if end > begin else DAY + 1


class Store(models.Model):
    """A shop, a café, a pick-up point: a place with an area around it that clients enter (mechanics T54)."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(
        _("code"), max_length=50, unique=True, help_text=_("By which shops and tills name the store.")
    )
    address = models.CharField(_("address"), max_length=300, blank=True)
    latitude = models.FloatField(
        _("latitude"), help_text=_("Degrees, for example 55.7522."),
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
    )  # fmt: skip
    longitude = models.FloatField(
        _("longitude"), help_text=_("Degrees, for example 37.6156."),
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
    )  # fmt: skip
    radius_m = models.PositiveIntegerField(
        _("radius, metres"), default=300, validators=[MinValueValidator(20), MaxValueValidator(50_000)],
        help_text=_("A client who comes nearer than this has entered the area of the store."),
    )  # fmt: skip
    zone = models.CharField(_("time zone"), max_length=64, blank=True, help_text=_("IANA name; empty: programme's."))
    hours = models.JSONField(_("opening hours"), default=dict, blank=True, validators=[valid_hours])
    active = models.BooleanField(_("open for business"), default=True)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="store_on_earth",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValidationError where the opening hours are none."""
        valid_hours(self.hours)
        self.latitude, self.longitude = round(self.latitude, 7), round(self.longitude, 7)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        if self.zone and self.zone not in available_timezones():
            raise ValidationError({"zone": t("is no IANA time zone")})

    def local(self, now: datetime) -> datetime:
        """`now` by the store's clock: its zone, else the programme's."""
        return now.astimezone(ZoneInfo(self.zone or settings.TIME_ZONE))

    def is_open(self, now: datetime) -> bool:
        """Whether the store is open at `now` (UTC). One of which no hours are known is always open."""
        if not self.active:
            return False
        if not self.hours:
            return True
        local = self.local(now)
        clock = local.hour * 60 + local.minute
        return self._covers(local, clock) or self._covers(local - timedelta(days=1), clock + DAY)

    def _covers(self, day: datetime, clock: int) -> bool:
        """Whether a span that began on `day` covers so many minutes after that day's midnight."""
        for span in self.hours.get(WEEKDAYS[day.weekday()], ()):
            begin, end = (minutes(each) for each in span)
            if begin <= clock < (end if end > begin else end + DAY):
                return True
        return False


class ClientLocation(models.Model):
    """Where a client was seen last. Apart from the client: an app reports every few minutes, and a narrow row without
    further indexes is rewritten in place."""

    client = models.OneToOneField(
        "loyalty.Client", models.CASCADE, primary_key=True, related_name="location", verbose_name=_("client")
    )
    latitude = models.FloatField(_("latitude"))
    longitude = models.FloatField(_("longitude"))
    located_at = models.DateTimeField(_("seen"))

    class Meta:
        verbose_name = _("location of a client")
        verbose_name_plural = _("locations of clients")

    def __str__(self) -> str:
        return f"{self.latitude:.4f}, {self.longitude:.4f}"
