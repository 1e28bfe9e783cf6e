"""Quests: buy so much in a period, get a reward (mechanics T36)."""

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.catalog import Category
from loyalty.models.client import Client
from loyalty.models.ledger import BonusOperation


class Quest(models.Model):
    """What has to be bought, until when, and what for."""

    class Measure(models.TextChoices):
        ORDERS = "orders", _("number of purchases")
        SUM = "sum", _("sum of purchases")
        CATEGORIES = "categories", _("different categories bought")

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), unique=True, max_length=50)
    measure = models.CharField(_("counts"), max_length=12, choices=Measure, default=Measure.ORDERS)
    target = models.BigIntegerField(
        _("target"), validators=[MinValueValidator(1)], help_text=_("A sum: in minor units of the currency.")
    )
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only of category"),
        help_text=_("Purchases with something of it; of a sum, these lines alone."),
    )
    min_order = models.BigIntegerField(
        _("order from"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Smaller purchases do not count. In minor units of the currency."),
    )
    starts_at = models.DateTimeField(pgettext_lazy("time", "from"))
    ends_at = models.DateTimeField(_("before"))
    reward = models.PositiveIntegerField(
        _("bonuses"), validators=[MinValueValidator(1)], help_text=_("In minor units of a bonus.")
    )
    lifetime_days = models.PositiveIntegerField(
        _("burn after days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: they never burn."),
    )
    active = models.BooleanField(_("active"), default=True)
    # Set once what was bought before the quest was saved has been counted too.
    counted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("quest")
        verbose_name_plural = _("quests")
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at"), target__gt=0), name="quest_bounds")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": _("This is before the beginning.")})
        if self.category_id and self.measure == self.Measure.CATEGORIES:
            raise ValidationError({"category": _("Different categories cannot all be one.")})


class QuestProgress(models.Model):
    """How far a client is. Completing it is for good: what is returned later changes nothing any more."""

    quest = models.ForeignKey(Quest, models.PROTECT, related_name="progress", verbose_name=_("quest"))
    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    value = models.BigIntegerField(_("done"), default=0)
    changes = models.PositiveIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(_("changed"))
    completed_at = models.DateTimeField(_("completed"), null=True)
    operation = models.ForeignKey(
        BonusOperation, models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("reward")
    )

    class Meta:
        verbose_name = _("progress of a quest")
        verbose_name_plural = _("progress of quests")
        constraints = [models.UniqueConstraint(fields=["quest", "client"], name="quest_progress_unique")]
        indexes = [
            models.Index(
                fields=["completed_at"],
                name="quest_progress_reward",
                condition=Q(completed_at__isnull=False, operation__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
