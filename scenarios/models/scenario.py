"""A scenario: its settings, the draft tree that the admin edits, and its published releases."""

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from scenarios import properties
from scenarios.keys import new_key


class Scenario(models.Model):
    """What follows when something happens to a client (semantics §3, §5, §14–15)."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        ARCHIVED = "archived", _("archived")

    class Reentry(models.TextChoices):
        ONCE = "once", _("once ever")
        INTERVAL = "interval", _("not more often than every n days")
        ALWAYS = "always", _("every time")

    class Kind(models.TextChoices):
        SCENARIO = "scenario", _("scenario")
        CHAIN = "chain", _("chain of messages")

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("short name"), default=new_key, unique=True, editable=False)
    kind = models.CharField(
        _("kind"),
        max_length=8,
        choices=Kind,
        default=Kind.SCENARIO,
        help_text=_("A chain is started by steps of scenarios, once per client."),
    )
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    priority = models.IntegerField(
        _("priority"), default=0, help_text=_("Of scenarios that are due together, the higher goes first.")
    )
    reentry = models.CharField(_("a client may enter"), max_length=10, choices=Reentry, default=Reentry.ALWAYS)
    reentry_days = models.PositiveIntegerField(_("days between entries"), null=True, blank=True)
    parallel = models.BooleanField(
        _("several runs of one client at a time"),
        default=False,
        help_text=_("Otherwise a client who is inside does not enter again."),
    )
    starts_at = models.DateTimeField(_("valid from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    entry_cap = models.PositiveIntegerField(_("entries at most"), null=True, blank=True)
    client_cap = models.PositiveIntegerField(
        _("entries of one client at most"), null=True, blank=True, help_text=_("Empty: any number.")
    )
    rivals = models.CharField(
        _("group of rivals"),
        max_length=50,
        blank=True,
        help_text=_(
            "Of scenarios with the same word here a client is in one at a time: the one of the higher priority,"
            " of equal ones the first."
        ),
    )
    rival_days = models.PositiveIntegerField(
        _("and days after it"),
        null=True,
        blank=True,
        help_text=_("So long after one of them the others let nobody in."),
    )
    exit_events = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("leave at once on"),
        default=list,
        blank=True,
        help_text=_("Events that end the client's run wherever it stands."),
    )
    holdout_share = models.DecimalField(
        _("control group, %"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(50)],
        help_text=_("This share of clients gets nothing, so that the effect of the scenario can be measured."),
    )
    # Draws the control group: a copy of the scenario draws its own.
    salt = models.CharField(max_length=32, default=new_key, editable=False)
    overdue_hours = models.PositiveIntegerField(
        _("hours late"),
        default=24,
        help_text=_("After a pause, messages that are later than this are skipped."),
    )
    # Set when the scenario is resumed: what was due before is too late to be said (semantics §15).
    stale_before = models.DateTimeField(null=True, editable=False)
    goal_event = models.CharField(
        pgettext_lazy("scenario", "goal"),
        max_length=100,
        blank=True,
        help_text=_("What the scenario is for. When it happens, the client leaves at once: the goal is reached."),
    )
    goal_filters = models.JSONField(
        _("only if the event says"), default=list, blank=True, validators=[properties.check]
    )
    goal_days = models.PositiveIntegerField(
        pgettext_lazy("goal", "within days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("After the entry, 24 hours each. Empty: as long as the client is inside."),
    )
    live_release = models.ForeignKey(
        "Release", models.PROTECT, null=True, blank=True, editable=False, related_name="+", verbose_name=_("release")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("draft changed"), auto_now=True)

    class Meta:
        verbose_name = _("scenario")
        verbose_name_plural = _("scenarios")
        permissions = [
            ("publish_scenario", _("Can publish, pause, archive and restore scenarios")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(reentry="interval") | Q(reentry_days__isnull=False, reentry_days__gte=1),
                name="scenario_interval_has_days",
                violation_error_message=_("Give the number of days between entries."),
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="scenario_validity_in_order",
                violation_error_message=_("The validity must end after it starts."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Branch(models.Model):
    """An ordered sequence of steps: a scenario's trunk (no fork) or one way of a fork (semantics §13).

    Of a fork's branches the first whose conditions hold is taken, in order; the default one is last.
    """

    scenario = models.ForeignKey(Scenario, models.CASCADE, related_name="branches", verbose_name=_("scenario"))
    fork = models.ForeignKey(
        "Step", models.CASCADE, null=True, blank=True, related_name="branches", verbose_name=_("fork")
    )
    key = models.CharField(max_length=32, default=new_key, editable=False)
    position = models.PositiveIntegerField(_("position"), default=0)
    label = models.CharField(_("label"), max_length=100, blank=True)
    is_default = models.BooleanField(_("otherwise"), default=False)
    weight = models.PositiveSmallIntegerField(
        _("share"),
        default=1,
        help_text=_("How many of all shares go this way: 1 and 1 are halves, 90 and 10 percents."),
    )
    conditions = models.OneToOneField(
        "segments.Group", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("conditions")
    )

    class Meta:
        verbose_name = _("branch")
        verbose_name_plural = _("branches")
        ordering = ("position", "pk")
        constraints = [
            models.UniqueConstraint(fields=["scenario", "key"], name="branch_key_unique"),
            models.UniqueConstraint(fields=["scenario"], condition=Q(fork__isnull=True), name="branch_one_trunk"),
            models.UniqueConstraint(fields=["fork"], condition=Q(is_default=True), name="branch_one_default"),
        ]

    def __str__(self) -> str:
        return self.label or self.key


class Release(models.Model):
    """An immutable, numbered snapshot of a scenario's draft: what runs follow (semantics §14)."""

    scenario = models.ForeignKey(Scenario, models.PROTECT, related_name="releases", verbose_name=_("scenario"))
    number = models.PositiveIntegerField(_("number"))
    snapshot = models.JSONField(_("snapshot"))
    # From a step that this release no longer has to the one where its runs go on ('' where they are done).
    moves = models.JSONField(default=dict, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    published_at = models.DateTimeField(_("published"))

    class Meta:
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        constraints = [models.UniqueConstraint(fields=["scenario", "number"], name="release_number_unique")]

    def __str__(self) -> str:
        return f"{self.scenario} v{self.number}"
