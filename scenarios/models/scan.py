"""How far time-driven triggers have come."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from scenarios.models.scenario import Scenario


class TriggerScan(models.Model):
    """Up to which moment one trigger of a scenario has been looked at: what came due by then has entered.

    A scheduler that was away goes on from here (`scenarios/engine/scan.py`). While a window is worked off in
    batches, `window_until` is its end, and the place within it says who was the last to be looked at.
    """

    scenario = models.ForeignKey(Scenario, models.CASCADE, db_index=False, verbose_name=_("scenario"))
    trigger_key = models.CharField(max_length=32)
    scanned_until = models.DateTimeField(_("looked at until"))
    window_until = models.DateTimeField(_("being looked at until"), null=True)
    # Those who matched at this moment are to be let in first ("also those who match now").
    backfill_at = models.DateTimeField(null=True)
    after_part = models.CharField(max_length=100, blank=True)
    after_client = models.BigIntegerField(default=0)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("scan of a trigger")
        verbose_name_plural = _("scans of triggers")
        constraints = [models.UniqueConstraint(fields=["scenario", "trigger_key"], name="trigger_scan_unique")]

    def __str__(self) -> str:
        return f"{self.trigger_key}: {self.scanned_until:%Y-%m-%d %H:%M}"
