"""What came out of A/B splits."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from scenarios.models.scenario import Scenario


class SplitWinner(models.Model):
    """The branch that everybody takes from now on. Beside the release, which never changes."""

    scenario = models.ForeignKey(Scenario, models.CASCADE, db_index=False, verbose_name=_("scenario"))
    step_key = models.CharField(_("step"), max_length=32)
    branch = models.CharField(_("branch"), max_length=32)
    # Empty: staff chose it.
    confidence = models.FloatField(_("confidence"), null=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    chosen_at = models.DateTimeField(_("chosen"))

    class Meta:
        verbose_name = _("winner of a split")
        verbose_name_plural = _("winners of splits")
        constraints = [models.UniqueConstraint(fields=["scenario", "step_key"], name="split_one_winner")]

    def __str__(self) -> str:
        return f"{self.step_key}: {self.branch}"


class Again(models.Model):
    """How often a client was allowed to enter once more what is entered once ever (semantics §28)."""

    scenario = models.ForeignKey(Scenario, models.CASCADE, db_index=False, verbose_name=_("scenario"))
    client = models.ForeignKey("loyalty.Client", models.CASCADE, verbose_name=_("client"))
    times = models.PositiveIntegerField(_("times"), default=1)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    allowed_at = models.DateTimeField(_("allowed"))

    class Meta:
        verbose_name = _("permission to enter again")
        verbose_name_plural = _("permissions to enter again")
        constraints = [models.UniqueConstraint(fields=["scenario", "client"], name="again_one")]

    def __str__(self) -> str:
        return f"#{self.pk}"
