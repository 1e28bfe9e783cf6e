"""Rehearsals of a whole base: asked for by staff, run by a worker."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from scenarios.models.scenario import Scenario


class Rehearsal(models.Model):
    """What a scenario's draft would have brought in the last days (semantics §52). Only the figures are kept."""

    class State(models.TextChoices):
        ORDERED = "ordered", _("waiting for a worker")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    scenario = models.ForeignKey(Scenario, models.CASCADE, related_name="rehearsals", verbose_name=_("scenario"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("author")
    )
    days = models.PositiveSmallIntegerField(
        _("days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(366)]
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ORDERED)
    done = models.PositiveIntegerField(_("clients done"), default=0)
    whole = models.PositiveIntegerField(_("clients in all"), default=0)
    figures = models.JSONField(_("figures"), default=dict)
    error = models.TextField(_("error"), blank=True)
    ordered_at = models.DateTimeField(_("ordered"))
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("rehearsal")
        verbose_name_plural = _("rehearsals")
        indexes = [models.Index(fields=["state"], name="rehearsal_ordered", condition=models.Q(state="ordered"))]

    def __str__(self) -> str:
        return f"{self.scenario} · {self.days}"
