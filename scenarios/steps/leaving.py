"""Steps that end a run."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome


class Exit(Step):
    """The client leaves the scenario here; nothing below, and nothing after the fork, is reached (semantics §13)."""

    icon = "logout"

    label = models.CharField(_("why"), max_length=200, blank=True, help_text=_("For readers and the log."))

    class Meta:
        verbose_name = _("exit")
        verbose_name_plural = _("exits")

    def sentence(self) -> str:
        return t("Leave the scenario: %(why)s") % {"why": self.label} if self.label else t("Leave the scenario")

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(end="exited", reason="exit_step", detail=self.label)] * len(batch.runs)


class Goal(Step):
    """Whoever comes here has reached the scenario's goal, and leaves it."""

    icon = "flag"

    label = models.CharField(
        pgettext_lazy("scenario", "goal"), max_length=200, blank=True, help_text=_("For readers and the log.")
    )

    class Meta:
        verbose_name = pgettext_lazy("scenario", "goal")
        verbose_name_plural = _("goals")

    def sentence(self) -> str:
        return t("Goal reached: %(goal)s") % {"goal": self.label} if self.label else t("Goal reached")

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(end="goal", reason="goal_step", detail=self.label)] * len(batch.runs)
