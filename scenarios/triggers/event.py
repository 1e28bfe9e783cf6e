"""Something happened: at once or after a delay."""

from collections.abc import Collection

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.event_names import event_label
from scenarios.durations import Unit, in_words, length
from scenarios.triggers.base import Entry, EventView, Trigger


class EventTrigger(Trigger):
    """Starts at an event, or some time after it; conditions are checked when the time comes (semantics §3)."""

    icon = "bolt"

    event_name = models.CharField(_("event"), max_length=100)
    delay = models.PositiveIntegerField(_("after"), default=0, help_text=_("0: at once."))
    delay_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.HOURS)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def sentence(self) -> str:
        label = event_label(self.event_name)
        if not self.delay:
            return t("At once on «%(event)s»") % {"event": label}
        return t("%(time)s after «%(event)s»") % {"time": in_words(self.delay, self.delay_unit), "event": label}

    def listens_to(self) -> Collection[str]:
        return (self.event_name,)

    def entry(self, event: EventView) -> Entry | None:
        due_at = event.occurred_at + length(self.delay, self.delay_unit) if self.delay else None
        return Entry(event, f"event:{event.id}", due_at)
