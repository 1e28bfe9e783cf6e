"""Joining and leaving segments."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Join, Leave, Outcome
from segments.models import Segment


class AddToSegment(Step):
    """Adds the client to a segment; being in it already changes nothing."""

    icon = "label"

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("segment"))

    class Meta:
        verbose_name = _("add to segment")
        verbose_name_plural = _("additions to segments")

    def sentence(self) -> str:
        return t("Add to segment «%(segment)s»") % {"segment": self.segment.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Join(self.segment_id),))] * len(batch.runs)


class RemoveFromSegment(Step):
    """Removes the client from a segment; not being in it changes nothing."""

    icon = "label_off"

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("segment"))

    class Meta:
        verbose_name = _("remove from segment")
        verbose_name_plural = _("removals from segments")

    def sentence(self) -> str:
        return t("Remove from segment «%(segment)s»") % {"segment": self.segment.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Leave(self.segment_id),))] * len(batch.runs)
