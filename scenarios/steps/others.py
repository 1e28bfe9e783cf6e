"""Steps that start and stop other scenarios and chains."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Enter, Outcome, Quit


class OfOther(Step):
    """A step that names another scenario."""

    # Not called `scenario`: that places a row in its own one.
    target: models.ForeignKey

    class Meta:
        abstract = True

    def clean(self) -> None:
        if self.branch_id is not None and self.target_id == self.branch.scenario_id:  # type: ignore[attr-defined]
            raise ValidationError({"target": t("A scenario cannot start or stop itself.")})


class StartScenario(OfOther):
    """The client enters another scenario too, where its rules of entry allow; this run goes on (semantics §18)."""

    icon = "play_circle"

    target = models.ForeignKey(
        "scenarios.Scenario",
        models.PROTECT,
        related_name="+",
        limit_choices_to={"kind": "scenario"},
        verbose_name=_("scenario"),
    )

    class Meta:
        verbose_name = _("start scenario")
        verbose_name_plural = _("starts of scenarios")

    def sentence(self) -> str:
        return t("Start «%(scenario)s»") % {"scenario": self.target.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Enter(self.target_id),))] * len(batch.runs)  # type: ignore[attr-defined]


class StartChain(OfOther):
    """The client gets a chain of messages; a chain runs once per client, unless staff allow it again (§28)."""

    icon = "link"

    target = models.ForeignKey(
        "scenarios.Scenario",
        models.PROTECT,
        related_name="+",
        limit_choices_to={"kind": "chain"},
        verbose_name=_("chain"),
    )

    class Meta:
        verbose_name = _("start chain")
        verbose_name_plural = _("starts of chains")

    def sentence(self) -> str:
        return t("Start the chain «%(chain)s»") % {"chain": self.target.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Enter(self.target_id),))] * len(batch.runs)  # type: ignore[attr-defined]


class StopScenario(OfOther):
    """The client leaves another scenario or chain, wherever it stands there."""

    icon = "stop_circle"

    target = models.ForeignKey(
        "scenarios.Scenario", models.PROTECT, related_name="+", verbose_name=_("scenario or chain")
    )

    class Meta:
        verbose_name = _("stop scenario")
        verbose_name_plural = _("stops of scenarios")

    def sentence(self) -> str:
        return t("Stop «%(scenario)s»") % {"scenario": self.target.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        return [Outcome(effects=(Quit(self.target_id),))] * len(batch.runs)  # type: ignore[attr-defined]
