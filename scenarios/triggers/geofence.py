"""Coming near a store (T54)."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.triggers.base import Entry, EventView, Trigger


class GeofenceTrigger(Trigger):
    """Starts when a client comes near a store, while the store is open; news that comes too late starts nothing."""

    icon = "location_on"

    store = models.CharField(_("store"), max_length=50, blank=True, help_text=_("Its code. Empty: any."))
    open_only = models.BooleanField(_("only in opening hours"), default=True)
    fresh_minutes = models.PositiveIntegerField(
        _("no later than, minutes"),
        default=120,
        validators=[MinValueValidator(1)],
        help_text=_("After the client came there: somebody who has left long ago is told nothing."),
    )

    class Meta:
        verbose_name = _("near a store")
        verbose_name_plural = _("near stores")

    def sentence(self) -> str:
        sentence = (
            t("On coming near store «%(store)s»") % {"store": self.store} if self.store else t("On coming near a store")
        )
        return t("%(sentence)s, while it is open") % {"sentence": sentence} if self.open_only else sentence

    def listens_to(self) -> Collection[str]:
        return ("geofence.entered",)

    def entries(self, events: Sequence[EventView], now: datetime) -> list[Entry]:
        latest = timedelta(minutes=self.fresh_minutes)
        return [
            replace(entry, refusal="too_late") if now - entry.event.occurred_at > latest else entry
            for event in events
            if (entry := self.entry(event))
        ]

    def entry(self, event: EventView) -> Entry | None:
        if self.store and event.payload.get("store") != self.store:
            return None
        entry = Entry(event, f"event:{event.id}")
        return replace(entry, refusal="store_closed") if self.open_only and not event.payload.get("open") else entry
