"""Rules by which orders earn bonuses (semantics §39–40)."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.catalog import Category, Product
from loyalty.models.level import Level


class AccrualRule(models.Model):
    """One rule. Of the rules that fit a line the top exclusive one wins, otherwise stackable ones sum;
    multipliers multiply the sum; the order is rounded once (`loyalty.services.accrual`)."""

    class Kind(models.TextChoices):
        LEVEL = "level", _("percent of the client's level")
        PERCENT = "percent", _("percent")
        STEPS = "steps", _("bonuses for every full sum")
        FIXED = "fixed", _("fixed number of bonuses an order")
        FACTOR = "factor", _("multiplier")

    name = models.CharField(_("name"), max_length=200)
    active = models.BooleanField(pgettext_lazy("rule", "active"), default=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.LEVEL)
    percent = models.DecimalField(
        _("percent"),
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Of what is paid in money; one unit of the currency gives one bonus at 100 %."),
    )
    bonuses = models.DecimalField(
        _("bonuses"), max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    per = models.DecimalField(
        _("for every"),
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Sum of money. Only full sums count: with 1 bonus for every 100, a purchase of 199 earns 1."),
    )
    factor = models.DecimalField(
        _("factor"),
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("2 doubles what the goods earn, 0 makes them earn nothing."),
    )
    exclusive = models.BooleanField(
        _("exclusive"), default=False, help_text=_("Where it fits, other rules of earning do not count.")
    )
    priority = models.IntegerField(
        _("priority"), default=0, help_text=_("Of several exclusive rules the highest wins.")
    )

    levels = models.ManyToManyField(Level, blank=True, verbose_name=_("only levels"))
    categories = models.ManyToManyField(Category, blank=True, verbose_name=_("only categories"))
    products = models.ManyToManyField(Product, blank=True, verbose_name=_("only products"))
    brands = models.TextField(
        _("only brands"), blank=True, help_text=_("One a line. Goods fit by category, product or brand.")
    )
    min_order = models.DecimalField(
        _("minimum order"),
        max_digits=14,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text=_("Paid in money."),
    )

    starts_at = models.DateTimeField(_("valid from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("valid until"), null=True, blank=True, help_text=_("Exclusive."))
    weekdays = models.JSONField(
        _("weekdays"), default=list, blank=True, help_text=_("None chosen: every day. In the programme's time zone.")
    )
    from_time = models.TimeField(_("from the hour"), null=True, blank=True)
    to_time = models.TimeField(
        _("to the hour"), null=True, blank=True, help_text=_("Exclusive; an earlier hour means the next morning.")
    )

    pending_days = models.PositiveSmallIntegerField(
        _("days until active"), null=True, blank=True, help_text=_("Empty: as the programme says.")
    )
    lifetime_days = models.PositiveSmallIntegerField(
        _("lifetime in days"), null=True, blank=True, help_text=_("Empty: as the programme says.")
    )

    class Meta:
        verbose_name = _("rule of earning")
        verbose_name_plural = _("rules of earning")
        ordering = ["-priority", "pk"]
        constraints = [
            models.CheckConstraint(
                name="accrual_rule_complete",
                condition=Q(kind="level")
                | Q(kind="percent", percent__gte=0)
                | Q(kind="steps", bonuses__gte=0, per__gte=0)
                | Q(kind="fixed", bonuses__gte=0)
                | Q(kind="factor", factor__gte=0),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What the kind needs is there, and windows are not empty. Raises ValidationError naming the field."""
        needed = {
            self.Kind.PERCENT: ("percent",),
            self.Kind.STEPS: ("bonuses", "per"),
            self.Kind.FIXED: ("bonuses",),
            self.Kind.FACTOR: ("factor",),
        }.get(self.Kind(self.kind), ())
        errors = {name: _("This kind of rule needs it.") for name in needed if getattr(self, name) is None}
        if (self.from_time is None) != (self.to_time is None):
            errors["to_time"] = _("Both hours, or neither.")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            errors["ends_at"] = _("It ends before it begins.")
        if errors:
            raise ValidationError(errors)
