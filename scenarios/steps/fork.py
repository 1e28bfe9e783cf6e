"""If / Then / Else."""

from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome
from segments.models import Group
from segments.services.evaluate import matching


class Fork(Step):
    """Sends each run into the first branch whose conditions hold, else into the default one (semantics §13)."""

    icon = "alt_route"
    forks = True
    decided_by_conditions = True

    label = models.CharField(_("question"), max_length=200, blank=True, help_text=_("What the fork asks, for readers."))

    class Meta:
        verbose_name = _("If / Then / Else")
        verbose_name_plural = _("If / Then / Else")

    def sentence(self) -> str:
        return self.label or t("If …")

    def ways(self) -> Sequence[tuple[str, Group | None]]:
        """Key and conditions of every branch in order; None marks the default one."""
        attached = getattr(self, "attached_ways", None)
        if attached is not None:
            return attached
        branches = sorted(self.branches.all(), key=lambda branch: (branch.is_default, branch.position, branch.pk))
        return [(branch.key, None if branch.is_default else branch.conditions or Group()) for branch in branches]

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        taken: dict[int, str] = {}
        undecided = {run.client_id for run in batch.runs}
        for key, conditions in self.ways():
            if not undecided:
                break
            chosen = undecided if conditions is None else matching(conditions, undecided, now)
            taken |= dict.fromkeys(chosen, key)
            undecided = undecided - chosen
        # A fork without a default branch goes on below for those whom no branch took.
        return [
            Outcome(branch=taken.get(run.client_id), reason="" if run.client_id in taken else "no_branch")
            for run in batch.runs
        ]
