"""What messages are about: clients agree to topics, caps and quiet hours go by them (semantics §19, §24)."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

# Messages that the client is owed (an order's status).
SERVICE = "service"
# What the ledger owes to a member (semantics §38).
BONUS_NOTICES = "bonus notices"
MARKETING = "marketing"


class Topic(models.Model):
    """A topic. Consents, messages and steps hold its slug as text, so what has no row here is possible.

    Such a topic counts as marketing that needs consent (`services/rulebook.py`).
    """

    class Kind(models.TextChoices):
        MARKETING = "marketing", _("marketing")
        TRANSACTIONAL = "transactional", _("transactional")

    class Consent(models.TextChoices):
        REQUIRED = "required", _("only to those who agreed")
        UNLESS_REFUSED = "unless_refused", _("to all but those who refused")
        NONE = "none", _("needs no consent")

    slug = models.CharField(
        _("code"), max_length=50, unique=True, help_text=_("As consents and steps name it; it cannot be changed later.")
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(
        _("kind"),
        max_length=13,
        choices=Kind,
        default=Kind.MARKETING,
        help_text=_("Quiet hours, pause dates and caps hold marketing back; transactional messages are exempt."),
    )
    consent = models.CharField(_("who gets it"), max_length=14, choices=Consent, default=Consent.REQUIRED)
    confirm = models.BooleanField(
        _("ask clients to confirm"),
        default=False,
        help_text=_(
            "An agreement to this topic counts only after the client has confirmed it by a link in an e-mail or an SMS."
        ),
    )

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def exempt(self) -> bool:
        """Whether quiet hours, pause dates and caps leave it alone (semantics §24)."""
        return self.kind == self.Kind.TRANSACTIONAL

    def clean(self) -> None:
        if self.slug != self.slug.strip() or not self.slug.isprintable():
            raise ValidationError({"slug": _("Printable characters, without spaces around them.")})
        if self.kind == self.Kind.MARKETING and self.consent != self.Consent.REQUIRED:
            raise ValidationError({"consent": _("Marketing goes only to those who agreed.")})
        if self.confirm and self.consent != self.Consent.REQUIRED:
            raise ValidationError({"confirm": _("Only what goes to those who agreed can be confirmed.")})
