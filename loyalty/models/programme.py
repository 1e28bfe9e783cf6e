"""The programme's own settings: one row."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.catalog import Category, Product

# Pairs as in an address; in braces what is filled in for every message.
UTM = RegexValidator(
    r"^utm_[a-z]+=(?:[\w.~%+-]|\{channel\}|\{scenario\}|\{step\}|\{topic\})+"
    r"(?:&utm_[a-z]+=(?:[\w.~%+-]|\{channel\}|\{scenario\}|\{step\}|\{topic\})+)*\Z",
    _("Write pairs such as utm_source=loyalty&utm_medium={channel}. Known are {channel}, {scenario}, {step}, {topic}."),
)


class Programme(models.Model):
    """The loyalty programme: how bonuses are earned, spent and counted, and what is assumed where a shop is silent.

    Its zone is TIME_ZONE of the environment (contract §1). Rules of earning are rows of their own (`AccrualRule`).
    """

    class Rounding(models.TextChoices):
        FLOOR = "floor", _("down")
        HALF_UP = "half_up", _("to the nearest, halves up")
        CEILING = "ceiling", _("up")

    class Measure(models.TextChoices):
        PAID = "paid", _("sum of paid orders")
        ORDERS = "orders", _("number of paid orders")
        EARNED = "earned", _("bonuses earned by orders")

    class Period(models.TextChoices):
        EVER = "ever", _("all time")
        YEAR = "year", _("calendar year")
        DAYS = "days", _("last n days")

    name = models.CharField(_("name"), max_length=200, default="Loyalty")
    currency = models.CharField(_("currency"), max_length=3, default="RUB", help_text=_("ISO 4217 code."))
    bonus_scale = models.PositiveSmallIntegerField(
        _("digits after the point of a bonus"), default=0, choices=[(0, "0"), (2, "2")]
    )
    phone_region = models.CharField(
        _("phone region"), max_length=2, default="RU", help_text=_("Country of phone numbers given without a prefix.")
    )

    rounding = models.CharField(
        _("rounding"), max_length=10, choices=Rounding, default=Rounding.FLOOR, help_text=_("Once an order.")
    )
    pending_days = models.PositiveSmallIntegerField(
        _("days until earned bonuses are active"), default=0, help_text=_("The time to return the goods.")
    )
    lifetime_days = models.PositiveSmallIntegerField(
        _("lifetime of bonuses in days"), null=True, blank=True, help_text=_("From activation. Empty: they never burn.")
    )

    bonus_value = models.DecimalField(
        _("value of a bonus"),
        max_digits=10,
        decimal_places=4,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.0001"))],
        help_text=_("How much money a bonus pays for."),
    )
    spend_block = models.PositiveIntegerField(
        _("spent by blocks of"), default=0, help_text=_("Whole bonuses; 0: any number.")
    )
    max_share = models.DecimalField(
        _("payable with bonuses, %"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("The largest share of an order, goods that are excluded not counted."),
    )
    spend_min_order = models.DecimalField(
        _("minimum order to pay with bonuses"),
        max_digits=14,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
    )
    unpayable_categories = models.ManyToManyField(
        Category, blank=True, related_name="+", verbose_name=_("categories not payable with bonuses")
    )
    unpayable_products = models.ManyToManyField(
        Product, blank=True, related_name="+", verbose_name=_("products not payable with bonuses")
    )
    unpayable_brands = models.TextField(_("brands not payable with bonuses"), blank=True, help_text=_("One a line."))

    level_measure = models.CharField(_("levels are reached by"), max_length=10, choices=Measure, default=Measure.PAID)
    level_period = models.CharField(_("measured over"), max_length=10, choices=Period, default=Period.EVER)
    level_days = models.PositiveSmallIntegerField(
        _("days of the period"), default=365, validators=[MinValueValidator(1)], help_text=_("For “last n days”.")
    )

    holdout_share = models.DecimalField(
        _("control group, %"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(50)],
        help_text=_("This share of clients gets nothing from any scenario, so that the effect of all can be measured."),
    )
    attribution_days = models.PositiveSmallIntegerField(
        _("an order counts for a message within, days"),
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_("After a click, or else after the message was sent; 24 hours each."),
    )
    margin_share = models.DecimalField(
        _("margin, % of revenue"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("What is earned on sales. 100: results take the whole revenue for margin."),
    )

    track_links = models.BooleanField(
        _("count clicks"), default=True, help_text=_("Links in messages lead through this platform.")
    )
    track_opens = models.BooleanField(
        _("count opens"), default=True, help_text=_("E-mails with formatting carry an invisible picture.")
    )
    utm = models.CharField(
        _("UTM tags"),
        max_length=300,
        blank=True,
        validators=[UTM],
        help_text=_(
            "Added to every link in messages that has none, such as "
            "utm_source=loyalty&utm_medium={channel}&utm_campaign=scenario-{scenario}&utm_content={step}. Empty: none."
        ),
    )

    confirm_hours = models.PositiveSmallIntegerField(
        _("hours to confirm an agreement"),
        default=72,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("Where agreements are confirmed by a link. After that the link leads nowhere."),
    )
    confirm_most = models.PositiveSmallIntegerField(
        _("requests to confirm in 90 days"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=_("For a client, a channel and a topic. More often nobody is asked, whatever the shop repeats."),
    )

    log_months = models.PositiveSmallIntegerField(
        _("months the log is kept"),
        default=0,
        validators=[MaxValueValidator(120)],
        help_text=_("Steps of clients in scenarios, month by month. 0: for ever. Results, messages and bonuses stay."),
    )

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programme")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="programme_single"),
            models.CheckConstraint(
                condition=Q(bonus_value__gt=0, max_share__gte=0, max_share__lte=100, level_days__gte=1),
                name="programme_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.name
