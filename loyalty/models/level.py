"""Levels of the programme, and who stands on which (semantics §39)."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.client import Client


class Level(models.Model):
    """A level: reached when the programme's qualifying measure reaches `threshold`."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    threshold = models.DecimalField(
        _("threshold"),
        max_digits=14,
        decimal_places=2,
        unique=True,
        validators=[MinValueValidator(0)],
        help_text=_("In what the programme measures: money, orders or bonuses. 0: where everybody begins."),
    )
    percent = models.DecimalField(
        _("cashback, %"),
        max_digits=6,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("What rules of the kind “percent of the level” give on this level."),
    )

    class Meta:
        verbose_name = _("level")
        verbose_name_plural = _("levels")
        ordering = ["threshold"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(threshold__gte=0, percent__gte=0, percent__lte=100), name="level_bounds"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ClientLevel(models.Model):
    """The level a client stands on, until when it cannot fall by itself, and what was measured last."""

    client = models.OneToOneField(Client, models.CASCADE, primary_key=True, related_name="standing")
    # None: no level begins at 0, and the client has reached none.
    level = models.ForeignKey(Level, models.PROTECT, null=True, verbose_name=_("level"))
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(
        _("kept until"), null=True, help_text=_("End of the period, when it may go down. Empty: the period never ends.")
    )
    measure = models.DecimalField(_("measured"), max_digits=20, decimal_places=2, default=Decimal(0))

    class Meta:
        verbose_name = _("client's level")
        verbose_name_plural = _("clients' levels")
        indexes = [models.Index(fields=["until"], name="client_level_until", condition=models.Q(until__isnull=False))]

    def __str__(self) -> str:
        return str(self.level)


class LevelChange(models.Model):
    """One step up or down, as it was told in the event `level.changed`. Rows are only added."""

    class Why(models.TextChoices):
        REACHED = "reached", _("reached the threshold")
        PERIOD = "period", _("the period ended")
        REFUND = "refund", _("orders were returned")
        RULES = "rules", _("the levels were changed")

    client = models.ForeignKey(Client, models.CASCADE, verbose_name=_("client"))
    # By name: a level that is gone stays in the history.
    from_name = models.CharField(pgettext_lazy("level", "from"), max_length=100, blank=True)
    to_name = models.CharField(pgettext_lazy("level", "to"), max_length=100, blank=True)
    up = models.BooleanField(_("up"))
    why = models.CharField(_("reason"), max_length=10, choices=Why)
    measure = models.DecimalField(_("measured"), max_digits=20, decimal_places=2)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("change of level")
        verbose_name_plural = _("changes of level")
        indexes = [models.Index(fields=["client", "-id"], name="level_change_client")]

    def __str__(self) -> str:
        return f"{self.from_name} → {self.to_name}"
