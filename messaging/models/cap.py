"""How often a client may be written to (semantics §24)."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from messaging.models.content import Channel

_DAY = 24  # hours


class FrequencyCap(models.Model):
    """At most so many marketing messages a client in any stretch of so many hours, counted when they were sent."""

    channel = models.CharField(
        _("channel"), max_length=10, choices=Channel, blank=True, help_text=_("Empty: all channels together.")
    )
    topic = models.CharField(_("topic"), max_length=50, blank=True, help_text=_("Empty: all marketing together."))
    limit = models.PositiveSmallIntegerField(_("messages"), default=1, validators=[MinValueValidator(1)])
    hours = models.PositiveSmallIntegerField(
        _("in so many hours"),
        default=_DAY,
        validators=[MinValueValidator(1), MaxValueValidator(_DAY * 366)],
        help_text=_("A rolling window: 24 is a day, 168 a week."),
    )
    defer_hours = models.PositiveSmallIntegerField(
        _("wait for a free place up to, hours"),
        default=_DAY,
        validators=[MaxValueValidator(_DAY * 30)],
        help_text=_("What finds no place in this time is not sent. 0: it does not wait."),
    )

    class Meta:
        verbose_name = _("frequency cap")
        verbose_name_plural = _("frequency caps")
        ordering = ("channel", "topic", "hours")
        constraints = [
            models.UniqueConstraint(fields=["channel", "topic", "hours"], name="frequency_cap_unique"),
            models.CheckConstraint(condition=models.Q(limit__gte=1, hours__gte=1), name="frequency_cap_positive"),
        ]

    def __str__(self) -> str:
        about = [str(self.get_channel_display())] if self.channel else []
        about += [self.topic] if self.topic else []
        return f"{', '.join(about) or _('everything')}: {self.within()}"

    def within(self) -> str:
        """How many in which time, in the current language."""
        days, rest = divmod(self.hours, _DAY)
        if rest:
            time = ngettext("%(n)d hour", "%(n)d hours", self.hours) % {"n": self.hours}
        else:
            time = ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
        return f"{self.limit} / {time}"
