"""Calls to other systems: where they go, and the queue of calls with what became of each."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from loyalty.models.fields import EncryptedTextField
from scenarios.models.run import ScenarioRun
from scenarios.models.scenario import Scenario


class WebhookEndpoint(models.Model):
    """A system that scenarios call. Its secret and headers are encrypted, and never part of a release or a file."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), unique=True, max_length=50)
    url = models.URLField(
        _("address"), max_length=1000, help_text=_("https://…; called by POST. Redirects are not followed.")
    )
    active = models.BooleanField(_("active"), default=True)
    secret = EncryptedTextField(_("signing secret"), blank=True, editable=False)
    headers = EncryptedTextField(_("headers"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.name


class WebhookCall(models.Model):
    """One call, written in the transaction of the run and made at least once: unique per (run, step, visit).

    `due_at` of a call that is being made is when its caller is taken for dead.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, verbose_name=_("webhook"))
    scenario = models.ForeignKey(Scenario, models.PROTECT, db_index=False, verbose_name=_("scenario"))
    run = models.ForeignKey(ScenarioRun, models.PROTECT, db_index=False, verbose_name=_("run"))
    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    step_key = models.CharField(_("step"), max_length=32)
    visit = models.PositiveIntegerField(_("visit"))
    depth = models.PositiveSmallIntegerField(_("chain depth"), default=0)
    body = models.TextField(_("body"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("due"))
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created"))
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        verbose_name = _("webhook call")
        verbose_name_plural = _("webhook calls")
        constraints = [models.UniqueConstraint(fields=["run", "step_key", "visit"], name="webhook_call_once")]
        indexes = [
            models.Index(fields=["due_at"], name="webhook_call_due", condition=Q(state="waiting")),
            models.Index(fields=["-id"], name="webhook_call_failed", condition=Q(state="failed")),
        ]

    def __str__(self) -> str:
        return self.webhook_id()

    def webhook_id(self) -> str:
        """The id that the other system tells repetitions by: the same at every try."""
        return f"run-{self.run_id}-{self.step_key}-{self.visit}"
