"""RFM: the rules, the snapshots and the clients' scores (semantics §46, docs/rfm.md)."""

from datetime import time
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models import Client
from segments.rfm import BANDS, GROUPS, RfmBand, RfmGroup


class Ties(models.TextChoices):
    """What becomes of clients who bought equally often."""

    TOGETHER = "together", _("equal values share a score")
    FIRST = "first", _("equal numbers of purchases are split by client id, so that fifths are equal")


class ZeroSpend(models.TextChoices):
    """What an order is that brought no money."""

    IGNORE = "ignore", _("it is no purchase")
    COUNT = "count", _("it is a purchase of 0")


class RfmRules(models.Model):
    """By what rules clients are scored."""

    window_days = models.PositiveIntegerField(
        _("window in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(36_500)],
        help_text=_("Purchases of the last so many days count. Empty: the whole history."),
    )
    ties = models.CharField(
        _("ties"), max_length=10, choices=Ties, default=Ties.TOGETHER, help_text=_("Among clients who are equal.")
    )
    zero_spend = models.CharField(
        _("an order that brought no money"), max_length=10, choices=ZeroSpend, default=ZeroSpend.IGNORE
    )

    class Meta:
        abstract = True


class RfmSettings(RfmRules):
    """The rules of the next snapshot, and when it is taken: one row."""

    taken_at = models.TimeField(
        _("snapshot is taken at"), default=time(0, 0), help_text=_("Every day, in the programme's time zone.")
    )
    requested_at = models.DateTimeField(_("asked for"), null=True, editable=False)

    class Meta:
        verbose_name = _("RFM rules")
        verbose_name_plural = _("RFM rules")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="rfm_settings_single")]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class RfmSnapshot(RfmRules):
    """One computation: its rules, what came out, and who moved since the one before. Money in minor units.

    `cuts` are the quintile cut values by measure: `{"r": [4], "f": [4], "m": [4]}`, in days, purchases, minor units;
    with ties `first` those of F are places in the order. `ranges` are the smallest and largest value of each score.
    """

    asof = models.DateTimeField(_("as of"), unique=True, help_text=_("Purchases before this moment count."))
    computed_at = models.DateTimeField(_("computed"))
    zone = models.CharField(_("time zone"), max_length=64)
    currency = models.CharField(_("currency"), max_length=3)
    buyers = models.PositiveBigIntegerField(_("buyers"))
    purchases = models.PositiveBigIntegerField(_("purchases"))
    foreign = models.PositiveBigIntegerField(_("purchases in other currencies"), default=0)
    revenue = models.BigIntegerField(_("revenue"))
    cuts = models.JSONField(_("boundaries"))
    ranges = models.JSONField(_("ranges"))
    cells = models.JSONField(_("cells"), help_text=_("Recency, frequency, clients, revenue."))
    moves = models.JSONField(_("moves"), default=list, help_text=_("From, to, clients; empty: no score."))
    first = models.BooleanField(_("first"), default=False)
    rules_changed = models.BooleanField(_("rules changed"), default=False)

    class Meta:
        verbose_name = _("RFM snapshot")
        verbose_name_plural = _("RFM snapshots")

    def __str__(self) -> str:
        return self.asof.isoformat()


class RfmScore(models.Model):
    """A buyer's scores by the newest snapshot; clients without purchases have no row. Money in minor units."""

    # No constraint: it would look up every client for rows that are made of orders, which are checked already.
    client = models.OneToOneField(
        Client,
        models.CASCADE,
        primary_key=True,
        related_name="rfm",
        db_constraint=False,
        verbose_name=_("client"),
    )
    r = models.PositiveSmallIntegerField(_("recency"))
    f = models.PositiveSmallIntegerField(_("frequency"))
    m = models.PositiveSmallIntegerField(_("monetary"))
    last_at = models.DateTimeField(_("last purchase"))
    frequency = models.PositiveIntegerField(pgettext_lazy("number", "purchases"))
    monetary = models.BigIntegerField(pgettext_lazy("money", "spent"))
    since = models.DateTimeField(_("in the group since"))

    class Meta:
        verbose_name = _("RFM score")
        verbose_name_plural = _("RFM scores")

    def __str__(self) -> str:
        return f"{self.r}{self.f}{self.m}"

    @property
    def group(self) -> RfmGroup:
        """The group of the cell."""
        return GROUPS[self.r, self.f]

    @property
    def band(self) -> RfmBand:
        """The band of the group."""
        return BANDS[self.group]


def rules_of(row: RfmRules) -> dict[str, Any]:
    """The rules as they decide whether two snapshots can be compared."""
    return {"window_days": row.window_days, "ties": str(row.ties), "zero_spend": str(row.zero_spend)}
