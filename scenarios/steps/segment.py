"""Joining, leaving and changing segments."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Join, Leave, Outcome
from segments.models import Membership, Segment, refuse_dynamic


class AddToSegment(Step):
    """Adds the client to a segment; being in it already changes nothing."""

    icon = "label"
    locks_clients = True

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("segment"))

    class Meta:
        verbose_name = _("add to segment")
        verbose_name_plural = _("additions to segments")

    def clean(self) -> None:
        super().clean()
        if self.segment_id is not None:
            refuse_dynamic(self.segment)

    def sentence(self) -> str:
        return t("Add to segment «%(segment)s»") % {"segment": self.segment.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Join(self.segment_id),))] * len(batch.runs)


class RemoveFromSegment(Step):
    """Removes the client from a segment; not being in it changes nothing."""

    icon = "label_off"
    locks_clients = True

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("segment"))

    class Meta:
        verbose_name = _("remove from segment")
        verbose_name_plural = _("removals from segments")

    def clean(self) -> None:
        super().clean()
        if self.segment_id is not None:
            refuse_dynamic(self.segment)

    def sentence(self) -> str:
        return t("Remove from segment «%(segment)s»") % {"segment": self.segment.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Leave(self.segment_id),))] * len(batch.runs)


class MoveToSegment(Step):
    """Moves the client from one segment to another (mechanics A20)."""

    class Who(models.TextChoices):
        ANYONE = "anyone", _("every client")
        MEMBERS = "members", _("only clients of the first segment")

    icon = "move_group"
    locks_clients = True

    source = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("from segment"))
    target = models.ForeignKey(Segment, models.PROTECT, related_name="+", verbose_name=_("to segment"))
    who = models.CharField(_("who is moved"), max_length=10, choices=Who, default=Who.ANYONE)

    class Meta:
        verbose_name = _("move to another segment")
        verbose_name_plural = _("moves between segments")

    def clean(self) -> None:
        if self.source_id == self.target_id:
            raise ValidationError({"target": _("Choose another segment.")})
        for field in ("source", "target"):
            if getattr(self, f"{field}_id") is not None:
                refuse_dynamic(getattr(self, field), field)

    def sentence(self) -> str:
        names = {"source": self.source.name, "target": self.target.name}
        return t("Move from segment «%(source)s» to «%(target)s»") % names

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        moved = Outcome(effects=(Leave(self.source_id), Join(self.target_id)))
        if self.who == self.Who.ANYONE:
            return [moved] * len(batch.runs)
        clients = [run.client_id for run in batch.runs]
        members = set(
            Membership.objects.filter(segment=self.source_id, client__in=clients).values_list("client_id", flat=True)
        )
        return [moved if run.client_id in members else Outcome(reason="not_a_member") for run in batch.runs]
