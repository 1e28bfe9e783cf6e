"""Named lists of clients."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client


class Segment(models.Model):
    """A static list of clients: filled by hand, by import or by a scenario's step (semantics §43)."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    slug = models.SlugField(_("slug"), max_length=50, unique=True)
    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#7c3aed",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Give a colour as #rrggbb."))],
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        """How a release and an exported scenario name a segment."""
        return (self.slug,)


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
