"""Something did not happen for a while after something else did."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.event_names import event_label
from scenarios import properties
from scenarios.durations import Unit, in_words, length
from scenarios.triggers.base import Due, Entry, EventView, Trigger

# Older base events are history rather than something to be reminded of.
LOOK_BACK = timedelta(days=365)


class AbsenceTrigger(Trigger):
    """Starts when, for some time since a base event, none of the absent events happened (semantics §3).

    Every new base event restarts the clock, which counts from the event's own time. A cart is one
    occurrence however often it changes: it is reminded of once. Base and absent events may be
    narrowed by what they say.
    """

    icon = "timer_off"
    backfills = True

    base_event = models.CharField(_("since"), max_length=100, default="cart.updated")
    base_filters = models.JSONField(
        _("only if the event says"), default=list, blank=True, validators=[properties.check]
    )
    absent_events = ArrayField(models.CharField(max_length=100), verbose_name=_("none of these happened"), default=list)
    absent_filters = models.JSONField(
        _("counted only if they say"), default=list, blank=True, validators=[properties.check]
    )
    delay = models.PositiveIntegerField(_("for"), default=1)
    delay_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.HOURS)

    class Meta:
        verbose_name = _("absence of an event")
        verbose_name_plural = _("absences of events")

    def clean(self) -> None:
        if self.base_event in self.absent_events:
            raise ValidationError({"absent_events": _("The base event cannot be its own absence.")})

    def sentence(self) -> str:
        absent = t(" or ").join(f"«{event_label(name)}»" for name in self.absent_events)
        if self.absent_filters:
            absent = f"{absent} ({properties.sentence(self.absent_filters)})"
        # Two forms alike in English: other languages say "event" or "events" here.
        sentence = ngettext(
            "%(time)s after the last %(base)s, if there was no %(absent)s",
            "%(time)s after the last %(base)s, if there was no %(absent)s",
            len(self.absent_events),
        )
        return sentence % {
            "time": in_words(self.delay, self.delay_unit),
            "base": properties.with_filters(event_label(self.base_event), self.base_filters),
            "absent": absent,
        }

    def listens_to(self) -> Collection[str]:
        return (self.base_event,)

    def entry(self, event: EventView) -> Entry | None:
        if not properties.hold(self.base_filters, event.payload):
            return None
        cart = event.payload.get("cart_token")
        occurrence = f"cart:{cart}" if cart else f"since:{event.id}"
        slot = occurrence if cart else f"since:{self.key}"
        return Entry(event, occurrence[:250], event.occurred_at + length(self.delay, self.delay_unit), slot[:250])

    def broken_by(self) -> Collection[str]:
        return self.absent_events

    @property
    def picky(self) -> bool:
        return bool(self.absent_filters)

    def breaks(self, payload: Mapping[str, Any]) -> bool:
        return properties.hold(self.absent_filters, payload)

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Whose last base event, of the last year, is long enough ago, nothing having happened since.

        Not where filters narrow the events: what they say is looked at one by one, as it comes.
        """
        if self.base_filters or self.absent_filters:
            return []
        values = {
            "base": self.base_event, "absent": list(self.absent_events), "from": now - LOOK_BACK,
            "until": now - length(self.delay, self.delay_unit), "now": now,
        }  # fmt: skip
        return [Due("now", _ABSENT, values)]


_ABSENT = """
SELECT last.client_id,
       left(coalesce('cart:' || (last.payload ->> 'cart_token'), 'since:' || last.id), 250) AS occurrence,
       jsonb_build_object('event', last.id, 'since', last.occurred_at) AS context
FROM (SELECT DISTINCT ON (e.client_id) e.client_id, e.id, e.occurred_at, e.payload
      FROM loyalty_event e JOIN loyalty_client c ON c.id = e.client_id AND c.merged_into_id IS NULL
      WHERE e.name = %(base)s AND e.occurred_at > %(from)s AND e.occurred_at <= %(now)s
      ORDER BY e.client_id, e.occurred_at DESC, e.id DESC) AS last
WHERE last.occurred_at <= %(until)s AND NOT EXISTS (
  SELECT 1 FROM loyalty_event e
  WHERE e.client_id = last.client_id AND e.name = ANY(%(absent)s) AND e.occurred_at >= last.occurred_at
    AND e.occurred_at <= %(now)s AND e.id <> last.id)"""
