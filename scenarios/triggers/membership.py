"""Entering or leaving a segment (T29, T31)."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.triggers.base import Due, Entry, EventView, Trigger
from segments.models import Segment


class SegmentTrigger(Trigger):
    """Starts when a client enters a segment, or leaves it."""

    class Move(models.TextChoices):
        ENTERED = "segment.entered", _("enters")
        LEFT = "segment.left", _("leaves")

    icon = "group"
    backfills = True

    move = models.CharField(_("the client"), max_length=20, choices=Move, default=Move.ENTERED)
    segment = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("segment"))

    class Meta:
        verbose_name = _("segment entered or left")
        verbose_name_plural = _("segments entered or left")

    def sentence(self) -> str:
        entered = self.move == self.Move.ENTERED
        sentence = t("On entering segment «%(segment)s»") if entered else t("On leaving segment «%(segment)s»")
        return sentence % {"segment": self.segment.name}

    def listens_to(self) -> Collection[str]:
        return (self.move,)

    def entry(self, event: EventView) -> Entry | None:
        return Entry(event, f"event:{event.id}") if event.payload.get("segment") == self.segment.slug else None

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Who is in the segment already; nobody, where the trigger is about leaving."""
        if self.move != self.Move.ENTERED:
            return []
        return [Due("now", _MEMBERS, {"segment": self.segment_id, "occurrence": f"now:{self.key}"})]


_MEMBERS = """
SELECT client_id, %(occurrence)s::text AS occurrence, '{}'::jsonb AS context
FROM segments_membership WHERE segment_id = %(segment)s"""
