"""A client's way through a scenario, and the log of every step of it. Flat tables, written set-based."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client, Event
from messaging.models import Message
from scenarios.models.scenario import Scenario


class ScenarioRun(models.Model):
    """Where one client stands in one scenario. The state lives here and nowhere else (semantics §8).

    `occurrence` is the business identity of the entry, unique per scenario and client, so that
    enrolling twice is impossible (semantics §4).
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("in progress")
        COMPLETED = "completed", _("completed")
        EXITED = "exited", _("left early")
        GOAL = "goal", _("goal reached")
        FAILED = "failed", _("failed")

    class Holdout(models.TextChoices):
        PROGRAMME = "programme", _("of the programme")
        SCENARIO = "scenario", _("of the scenario")

    scenario = models.ForeignKey(
        Scenario, models.PROTECT, related_name="runs", db_index=False, verbose_name=_("scenario")
    )
    client = models.ForeignKey(Client, models.PROTECT, db_index=False, verbose_name=_("client"))
    occurrence = models.CharField(_("occurrence"), max_length=250)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    step_key = models.CharField(_("step"), max_length=32, blank=True)
    waiting = models.BooleanField(_("waiting"), default=False)
    # When the wait on which the run stands began, and when it ends by itself: `due_at` is earlier where the run is
    # to be looked at before, empty where the end is to be counted anew.
    waiting_since = models.DateTimeField(_("waiting since"), null=True)
    waiting_until = models.DateTimeField(_("waiting until"), null=True)
    visits = models.PositiveIntegerField(_("steps made"), default=0)
    due_at = models.DateTimeField(_("due"), null=True)
    parallel = models.BooleanField(_("beside others"), default=False)
    context = models.JSONField(_("context"), default=dict)
    # Which control group holds the client out: the run is a ghost then (semantics §17). Empty: none.
    holdout = models.CharField(
        _("control group"), max_length=10, choices=Holdout, blank=True, default="", db_default=""
    )
    depth = models.PositiveSmallIntegerField(_("chain depth"), default=0)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0)
    error = models.TextField(_("error"), blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    entered_at = models.DateTimeField(_("entered"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("scenario run")
        verbose_name_plural = _("scenario runs")
        constraints = [
            models.UniqueConstraint(fields=["scenario", "client", "occurrence"], name="run_occurrence_unique"),
            models.UniqueConstraint(
                fields=["scenario", "client"], condition=Q(state="active", parallel=False), name="run_one_active"
            ),
            models.CheckConstraint(condition=~Q(state="active") | Q(due_at__isnull=False), name="run_active_is_due"),
        ]
        indexes = [
            models.Index(fields=["scenario", "due_at"], name="run_due", condition=Q(state="active")),
            models.Index(fields=["client", "-entered_at"], name="run_client"),
            models.Index(fields=["scenario", "step_key"], name="run_failed", condition=Q(state="failed")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


# Reasons of runs that a step of their own ended: what they queued before it is still sent.
ENDED_BY_STEP = ("exit_step", "goal_step", "date_past", "no_date")


class RunLog(models.Model):
    """One line of the log: an entry, a refused entry, a step, an end — each with its reason (semantics §53)."""

    class Kind(models.TextChoices):
        ENTERED = "entered", _("entered")
        REFUSED = "refused", _("did not enter")
        STEP = "step", _("step")
        FAILURE = "failure", _("failure")
        ENDED = "ended", _("ended")
        BY_HAND = "by_hand", _("by staff")

    scenario = models.ForeignKey(Scenario, models.PROTECT, db_index=False, verbose_name=_("scenario"))
    client = models.ForeignKey(Client, models.PROTECT, db_index=False, verbose_name=_("client"))
    run = models.ForeignKey(ScenarioRun, models.PROTECT, null=True, db_index=False, verbose_name=_("run"))
    release = models.PositiveIntegerField(_("release"), null=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    step_key = models.CharField(_("step"), max_length=32, blank=True)
    step_type = models.CharField(_("step type"), max_length=40, blank=True)
    # The way that was taken, where the step has several.
    branch = models.CharField(_("branch"), max_length=32, blank=True, db_default="")
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    message = models.ForeignKey(Message, models.PROTECT, null=True, db_index=False, verbose_name=_("message"))
    bonuses = models.BigIntegerField(_("bonuses accrued"), null=True)
    event = models.ForeignKey(Event, models.PROTECT, null=True, db_index=False, verbose_name=_("event"))
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("log line")
        verbose_name_plural = _("log")
        indexes = [
            models.Index(fields=["run", "id"], name="runlog_run", condition=Q(run__isnull=False)),
            # What the log is filtered by, newest first.
            models.Index(fields=["scenario", "-id"], name="runlog_scenario"),
            models.Index(fields=["client", "-id"], name="runlog_client"),
            models.Index(fields=["-id"], name="runlog_failures", condition=Q(kind="failure")),
            # A day's lines, for the results by the day: next to nothing to keep.
            BrinIndex(fields=["created_at"], name="runlog_created", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
