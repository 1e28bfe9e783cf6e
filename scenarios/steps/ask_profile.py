"""Asking clients to tell about themselves."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import ProfileForm
from loyalty.services import profile_forms, promo
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, Remember


class AskProfile(Step):
    """Makes the client's link to a profile form: `{{ profile.url }}`, `{{ profile.until }}` in the texts below.

    Once the form is filled in, the event `profile.filled` tells: a scenario may wait for it and thank for it (T08).
    """

    icon = "badge"
    provides = ("profile",)

    form = models.ForeignKey(ProfileForm, models.PROTECT, related_name="+", verbose_name=_("profile form"))
    days = models.PositiveSmallIntegerField(
        _("link valid for days"), default=14, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )

    class Meta:
        verbose_name = _("ask to fill in the profile")
        verbose_name_plural = _("profiles asked for")

    def problems(self) -> list[str]:
        found = super().problems()
        if not self.form.active:
            found.append(t("The profile form is switched off."))
        if not self.form.questions.exists():
            found.append(t("The profile form has no questions."))
        return found

    def sentence(self) -> str:
        return t("Make a link to the profile form «%(form)s»") % {"form": self.form.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        until = now + timedelta(days=self.days)
        last_day = promo.last_day(until)
        outcomes = []
        for run in batch.runs:
            url = profile_forms.link(self.form.slug, run.client_id, run.key(), until)
            told = {"url": url, "until": last_day, "name": self.form.title}
            outcomes.append(Outcome(effects=(Remember("profile", told),)))
        return outcomes
