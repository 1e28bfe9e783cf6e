"""Something happened: at once, after a delay, or several of them together."""

from collections.abc import Collection
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.event_names import event_label
from scenarios import properties
from scenarios.durations import Unit, in_words, length
from scenarios.triggers.base import Entry, EventView, Trigger


class EventTrigger(Trigger):
    """Starts at an event, or some time after it; conditions are checked when the time comes (semantics §3).

    With `once_per`, events that say the same there (reviews of one order) start one run, ever. With `merge_minutes`,
    all events of one client within so many minutes of the first start one run, which knows them all
    (`scenarios/triggers/merging.py`); the delay counts from the end of that window.
    """

    icon = "bolt"
    tells = ("count", "items")

    event_name = models.CharField(_("event"), max_length=100)
    filters = models.JSONField(_("only if the event says"), default=list, blank=True, validators=[properties.check])
    delay = models.PositiveIntegerField(_("after"), default=0, help_text=_("0: at once."))
    delay_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.HOURS)
    merge_minutes = models.PositiveIntegerField(
        _("gather for minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Events of one client within this time start one run together. Empty: each starts its own."),
    )

    once_per = models.CharField(
        _("once for the same"),
        max_length=100,
        blank=True,
        help_text=_(
            "A property of the event, such as order_id: a client enters once for each value. Empty: every time."
        ),
    )

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def sentence(self) -> str:
        event = properties.with_filters(event_label(self.event_name), self.filters)
        words = {"event": event, "time": in_words(self.delay, self.delay_unit)}
        sentence = (t("%(time)s after %(event)s") if self.delay else t("At once on %(event)s")) % words
        if self.merge_minutes:
            gathered = in_words(self.merge_minutes, Unit.MINUTES)
            sentence = t("%(sentence)s, gathered for %(time)s") % {"sentence": sentence, "time": gathered}
        if self.once_per:
            return t("%(sentence)s, once for each «%(property)s»") % {"sentence": sentence, "property": self.once_per}
        return sentence

    def clean(self) -> None:
        if self.merge_minutes and self.once_per:
            raise ValidationError({"once_per": t("Events that are gathered start one run in any case.")})

    def listens_to(self) -> Collection[str]:
        return (self.event_name,)

    def entry(self, event: EventView) -> Entry | None:
        if not properties.hold(self.filters, event.payload):
            return None
        delay = length(self.delay, self.delay_unit)
        if self.merge_minutes:
            due_at = event.occurred_at + timedelta(minutes=self.merge_minutes) + delay
            return Entry(
                event, f"event:{event.id}", due_at, f"merge:{self.key}", merges=True, context={"events": [event.id]}
            )
        same = properties.first(event.payload, self.once_per) if self.once_per else None
        occurrence = f"event:{event.id}" if same is None else f"{self.once_per}:{same}"[:250]
        return Entry(event, occurrence, event.occurred_at + delay if self.delay else None)
