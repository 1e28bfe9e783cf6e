"""Named lists of clients."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from segments.conditions import Group


class Segment(models.Model):
    """A list of clients (semantics §43): static, filled by hand, by import or by a scenario's step; or dynamic,
    those for whom its rule holds.

    A dynamic one without a rule is new: nobody is in it until its draft is applied. Otherwise it is as of
    `computed_at`: the answers of all clients were right then, and what changed since is told by `ChangedClient` and
    by the clock (`segments.services.dynamic`). The definition is changed by `segments.services.definition` alone, the
    draft of it by `segments.services.draft`.
    """

    class Kind(models.TextChoices):
        STATIC = "static", _("static: filled by hand, by import or by a scenario")
        DYNAMIC = "dynamic", _("dynamic: filled by a rule")

    name = models.CharField(_("name"), max_length=200, unique=True)
    slug = models.SlugField(_("slug"), max_length=50, unique=True)
    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#7c3aed",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Give a colour as #rrggbb."))],
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.STATIC)
    rule = models.OneToOneField(
        Group, models.PROTECT, null=True, blank=True, editable=False, related_name="segment", verbose_name=_("rule")
    )
    draft = models.OneToOneField(
        Group,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("draft of the rule"),
        help_text=_("What is being edited: it does not act until it is applied."),
    )
    computed_at = models.DateTimeField(_("as of"), null=True, editable=False)
    rebuild_at = models.DateTimeField(
        _("to be rebuilt"), null=True, editable=False, help_text=_("From then on the whole segment is computed again.")
    )
    quiet = models.BooleanField(
        _("quiet rebuild"), default=True, editable=False, help_text=_("The next rebuild starts no scenarios.")
    )
    size = models.PositiveIntegerField(_("clients"), default=0, editable=False, help_text=_("Of a dynamic segment."))
    rebuilt_at = models.DateTimeField(_("rebuilt"), null=True, editable=False)
    took = models.FloatField(
        _("took"), null=True, editable=False, help_text=_("Seconds that the last rebuild of the whole segment took.")
    )
    error = models.TextField(_("error"), blank=True, editable=False)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="dynamic") | Q(rule__isnull=True),
                name="segment_rule_of_dynamic",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        """How a release and an exported scenario name a segment."""
        return (self.slug,)

    @property
    def is_dynamic(self) -> bool:
        """Whether a rule fills it; then nobody adds or removes clients by hand."""
        return self.kind == self.Kind.DYNAMIC


def refuse_dynamic(segment: Segment, field: str = "segment") -> None:
    """For forms and steps that put clients in or take them out: raises ValidationError for a dynamic one."""
    if segment.is_dynamic:
        raise ValidationError(
            {field: _("«%(segment)s» is filled by its rule: choose a static segment.") % {"segment": segment}}
        )


class Membership(models.Model):
    """A client's place in a segment; entering and leaving are events (semantics §45)."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="memberships", db_index=False, verbose_name=_("segment")
    )
    client = models.ForeignKey(Client, models.CASCADE, related_name="memberships", verbose_name=_("client"))
    entered_at = models.DateTimeField(_("entered"))

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["segment", "client"], name="membership_unique")]

    def __str__(self) -> str:
        return f"#{self.client_id}"


class ChangedClient(models.Model):
    """Something happened to a client at or before `marked_at`: dynamic segments have to look at them again.

    Only ever added by those who must not wait, and deleted by the refresh that looked. Several rows may name one
    client: a unique row would make a reader of events wait for the refresh that is deleting it.
    """

    client_id = models.BigIntegerField(_("client"))
    depth = models.PositiveSmallIntegerField(
        _("chain depth"), default=0, help_text=_("How many scenarios in a row led to the change.")
    )
    triggers = models.BooleanField(
        _("starts scenarios"), default=True, help_text=_("Whether what follows from it may: an import's may not.")
    )
    marked_at = models.DateTimeField(_("marked"))

    class Meta:
        verbose_name = _("changed client")
        verbose_name_plural = _("changed clients")

    def __str__(self) -> str:
        return f"#{self.client_id}"
