"""Entries that are not due yet."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client, Event
from scenarios.models.scenario import Scenario


class EntryClock(models.Model):
    """A client whose trigger fires later: after a delay, or if something stays absent until then (semantics §3).

    One per (scenario, client, slot); a newer base event sets it again.
    """

    scenario = models.ForeignKey(Scenario, models.CASCADE, db_index=False, verbose_name=_("scenario"))
    client = models.ForeignKey(Client, models.PROTECT, db_index=False, verbose_name=_("client"))
    slot = models.CharField(_("slot"), max_length=250)
    occurrence = models.CharField(_("occurrence"), max_length=250)
    trigger_key = models.CharField(max_length=32)
    event = models.ForeignKey(Event, models.PROTECT, db_index=False, verbose_name=_("base event"))
    started_at = models.DateTimeField(_("counted from"))
    due_at = models.DateTimeField(_("due"))
    # What the run will know beside its event; `events`: those that were gathered for it, in the order of reading.
    context = models.JSONField(_("context"), default=dict)

    class Meta:
        verbose_name = _("entry clock")
        verbose_name_plural = _("entry clocks")
        constraints = [models.UniqueConstraint(fields=["scenario", "client", "slot"], name="clock_slot_unique")]
        indexes = [models.Index(fields=["scenario", "due_at"], name="clock_due")]

    def __str__(self) -> str:
        return self.occurrence
