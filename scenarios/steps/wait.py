"""Waiting."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.durations import Unit, in_words, length
from scenarios.steps.base import Step
from scenarios.steps.outcomes import NEXT, Batch, Outcome


class Wait(Step):
    """Waits an absolute length of time: a day is 24 hours (semantics §10)."""

    icon = "hourglass_empty"

    amount = models.PositiveIntegerField(_("how long"), default=1)
    unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.DAYS)

    class Meta:
        verbose_name = _("wait")
        verbose_name_plural = _("waits")

    def sentence(self) -> str:
        return t("Wait %(time)s") % {"time": in_words(self.amount, self.unit)}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        until = now + length(self.amount, self.unit)
        return [NEXT if run.waiting else Outcome(until=until) for run in batch.runs]
