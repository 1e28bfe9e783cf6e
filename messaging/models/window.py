"""When a channel may be used: send windows, and so quiet hours (semantics §23)."""

from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from messaging.models.content import Channel


class Outside(models.TextChoices):
    """What becomes of a message that may not go now."""

    DEFER = "defer", _("wait until it may go")
    SKIP = "skip", _("do not send it")


class SendWindow(models.Model):
    """The days and hours in which marketing may go through a channel, by the client's clock; all else is quiet."""

    channel = models.CharField(
        _("channel"),
        max_length=10,
        choices=Channel,
        unique=True,
        blank=True,
        help_text=_("Empty: every channel that has no hours of its own."),
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        verbose_name=_("days of the week"),
        default=list,
        blank=True,
        help_text=_("None: any day."),
    )
    opens = models.TimeField(pgettext_lazy("time", "from"), default=time(9))
    closes = models.TimeField(_("till"), default=time(21), help_text=_("In the client's own time zone."))
    outside = models.CharField(_("outside these hours"), max_length=5, choices=Outside, default=Outside.DEFER)
    spread_minutes = models.PositiveSmallIntegerField(
        _("minutes over which the backlog is spread"),
        default=60,
        validators=[MaxValueValidator(600)],
        help_text=_("Once the hours begin, what has waited leaves evenly over this time, not all at once."),
    )

    class Meta:
        verbose_name = _("send window")
        verbose_name_plural = _("quiet hours")
        ordering = ("channel",)

    def __str__(self) -> str:
        return str(self.get_channel_display() if self.channel else _("every other channel"))

    def clean(self) -> None:
        if self.opens is None or self.closes is None:
            return
        if self.opens == self.closes:
            raise ValidationError({"closes": _("The hours must end at another time than they begin.")})
        length = (_minutes(self.closes) - _minutes(self.opens)) % (24 * 60)
        if self.spread_minutes is not None and self.spread_minutes >= length:
            raise ValidationError({"spread_minutes": _("The backlog must fit into the hours.")})


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
