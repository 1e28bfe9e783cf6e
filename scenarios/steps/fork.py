"""If / Then / Else."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.steps.forking import Forking, Way
from scenarios.steps.outcomes import Batch, Outcome
from segments.models import Group
from segments.services.evaluate import matching


class Fork(Forking):
    """Sends each run into the first branch whose conditions hold, else into the default one (semantics §13)."""

    icon = "alt_route"
    decided_by_conditions = True

    label = models.CharField(_("question"), max_length=200, blank=True, help_text=_("What the fork asks, for readers."))

    class Meta:
        verbose_name = _("If / Then / Else")
        verbose_name_plural = _("If / Then / Else")

    def sentence(self) -> str:
        return self.label or t("If …")

    def way_title(self, way: Way, condition: str) -> str:
        if way.is_default:
            return way.label or t("Otherwise")
        return way.label or condition or t("Everybody")

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        taken: dict[int, str] = {}
        undecided = {run.client_id for run in batch.runs}
        for way in self.ways():
            if not undecided:
                break
            chosen = undecided if way.is_default else matching(way.conditions or Group(), undecided, now)
            taken |= dict.fromkeys(chosen, way.key)
            undecided = undecided - chosen
        # A fork without a default branch goes on below for those whom no branch took.
        return [
            Outcome(branch=taken.get(run.client_id), reason="" if run.client_id in taken else "no_branch")
            for run in batch.runs
        ]
