"""Results, counted from facts: what happened by the day, whose orders are whose, and what a control group shows."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Order
from scenarios.models.scenario import Scenario


class ScenarioDay(models.Model):
    """One figure of a scenario, or of one of its steps, on one day of the programme's zone (semantics §47–48, §51).

    `services/daily.py` says what each figure counts and what its `detail` is.
    """

    scenario = models.ForeignKey(Scenario, models.PROTECT, db_index=False, verbose_name=_("scenario"))
    day = models.DateField(_("day"))
    step_key = models.CharField(_("step"), max_length=32, blank=True)
    figure = models.CharField(_("figure"), max_length=20)
    detail = models.CharField(_("of which"), max_length=60, blank=True)
    count = models.BigIntegerField(_("number"))
    # What beside the number is added up: parts of messages, bonuses in minor units.
    amount = models.BigIntegerField(_("sum"), default=0)

    class Meta:
        verbose_name = _("day of a scenario")
        verbose_name_plural = _("days of scenarios")
        constraints = [
            models.UniqueConstraint(
                fields=["scenario", "day", "step_key", "figure", "detail"], name="scenario_day_unique"
            )
        ]
        indexes = [models.Index(fields=["day"], name="scenario_day_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.figure}"


class Attribution(models.Model):
    """An order that a scenario's message led to. One owns it, programme-wide; others assisted (semantics §49).

    Money is read from the order itself: what is cancelled or returned later subtracts by itself.
    """

    class Touch(models.TextChoices):
        CLICK = "click", _("click")
        MESSAGE = "message", _("message")

    order = models.ForeignKey(Order, models.CASCADE, db_index=False, verbose_name=_("order"))
    scenario = models.ForeignKey(Scenario, models.PROTECT, db_index=False, verbose_name=_("scenario"))
    owner = models.BooleanField(_("owns the order"))
    touch = models.CharField(_("by"), max_length=10, choices=Touch)
    # A plain number: the log of messages may be kept for a shorter time.
    message_id = models.BigIntegerField(_("message"))
    step_key = models.CharField(_("step"), max_length=32, blank=True)
    day = models.DateField(_("day of the order"))

    class Meta:
        verbose_name = _("attribution")
        verbose_name_plural = _("attributions")
        constraints = [
            models.UniqueConstraint(fields=["order", "scenario"], name="attribution_unique"),
            models.UniqueConstraint(fields=["order"], condition=Q(owner=True), name="attribution_one_owner"),
        ]
        indexes = [models.Index(fields=["scenario", "day"], name="attribution_scenario")]

    def __str__(self) -> str:
        return f"#{self.order_id}"


class Uplift(models.Model):
    """What clients who were treated and those who were held out did, as assigned (semantics §50).

    Counted by `services/uplift.py` over first entries between two moments; revenue in minor units.
    """

    scenario = models.OneToOneField(Scenario, models.CASCADE, primary_key=True, verbose_name=_("scenario"))
    entered_from = models.DateTimeField(_("entered from"))
    entered_until = models.DateTimeField(_("entered until"))
    counted_at = models.DateTimeField(_("counted"))
    # Treated first, then held out.
    clients = ArrayField(models.BigIntegerField(), size=2, verbose_name=_("clients"))
    converted = ArrayField(models.BigIntegerField(), size=2, verbose_name=_("converted"))
    revenue = ArrayField(models.BigIntegerField(), size=2, verbose_name=_("revenue"))
    # Of the difference of revenue per client; empty where an arm is.
    revenue_low = models.FloatField(_("lower bound"), null=True)
    revenue_high = models.FloatField(_("upper bound"), null=True)

    class Meta:
        verbose_name = _("uplift")
        verbose_name_plural = _("uplifts")

    def __str__(self) -> str:
        return f"{self.scenario_id}"
