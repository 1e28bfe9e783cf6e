"""Asking a survey."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import Survey
from loyalty.services import promo, surveys
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, Remember


class AskSurvey(Step):
    """Makes the client's link to a survey: `{{ survey.url }}`, `{{ survey.until }}` in the texts below.

    The answer is the event `survey.answered` with its scores: a scenario may wait for it and branch by it.
    """

    icon = "rate_review"
    provides = ("survey",)

    survey = models.ForeignKey(Survey, models.PROTECT, related_name="+", verbose_name=_("survey"))
    days = models.PositiveSmallIntegerField(
        _("link valid for days"), default=14, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )

    class Meta:
        verbose_name = _("ask a survey")
        verbose_name_plural = _("surveys asked")

    def problems(self) -> list[str]:
        found = super().problems()
        if not self.survey.active:
            found.append(t("The survey is switched off."))
        if not self.survey.questions.exists():
            found.append(t("The survey has no questions."))
        return found

    def sentence(self) -> str:
        return t("Make a link to the survey «%(survey)s»") % {"survey": self.survey.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        until = now + timedelta(days=self.days)
        last_day = promo.last_day(until)
        outcomes = []
        for run in batch.runs:
            url = surveys.link(self.survey.slug, run.client_id, run.key(), until)
            outcomes.append(
                Outcome(effects=(Remember("survey", {"url": url, "until": last_day, "name": self.survey.title}),))
            )
        return outcomes
