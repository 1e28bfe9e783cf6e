"""Pages on which people sign up: what they are asked, what they agree to, which chain follows (semantics §27–28)."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel
from segments.models import Segment, refuse_dynamic


class LandingPage(models.Model):
    """A page at `/join/<slug>/`."""

    name = models.CharField(_("name"), max_length=200, help_text=_("For staff."))
    slug = models.SlugField(_("address"), max_length=50, unique=True, help_text=_("/join/…/"))
    active = models.BooleanField(_("open"), default=True)
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    title = models.CharField(_("heading"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    button = models.CharField(_("button"), max_length=50, blank=True, help_text=_("Empty: “Join”."))
    thanks = models.TextField(_("text after signing up"), blank=True, help_text=_("Empty: the usual words."))
    ask_name = models.BooleanField(_("ask for the name"), default=True)
    ask_phone = models.BooleanField(_("ask for the phone"), default=True)
    ask_email = models.BooleanField(_("ask for the e-mail"), default=False)
    ask_birthday = models.BooleanField(_("ask for the birthday"), default=False)
    confirm = models.BooleanField(
        _("ask clients to confirm"),
        default=False,
        help_text=_(
            "An agreement that is ticked here counts only after the client has confirmed it by a link in an e-mail or"
            " an SMS: anybody may type anybody's address."
        ),
    )
    chain = models.ForeignKey(
        "scenarios.Scenario",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        limit_choices_to={"kind": "chain"},
        verbose_name=_("chain to start"),
    )
    segment = models.ForeignKey(
        Segment,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        limit_choices_to={"kind": "static"},
        verbose_name=_("segment to add to"),
    )

    class Meta:
        verbose_name = _("landing page")
        verbose_name_plural = _("landing pages")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{settings.PUBLIC_URL}/join/{self.slug}/"

    def boxes(self) -> "list[LandingConsent]":
        """The boxes that are on the page."""
        return [box for box in self.consents.all() if box.shown]

    def clean(self) -> None:
        if not (self.ask_phone or self.ask_email):
            raise ValidationError({"ask_phone": _("Ask for the phone or the e-mail: a client needs one of them.")})
        if self.segment_id is not None:
            refuse_dynamic(self.segment)


class LandingConsent(models.Model):
    """A box to tick, never ticked beforehand. Every wording it ever had is kept by its version.

    Consents refer to the wordings, so a box that is not wanted any more is taken off the page (`shown`), never deleted.
    """

    page = models.ForeignKey(LandingPage, models.PROTECT, related_name="consents", verbose_name=_("landing page"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.SMS)
    topic = models.CharField(_("topic"), max_length=50, default="marketing")
    words = models.TextField(_("what the client agrees to"))
    required = models.BooleanField(_("required"), default=False)
    shown = models.BooleanField(
        _("on the page"), default=True, help_text=_("Off: nobody is asked any more. What was agreed to stays readable.")
    )
    version = models.PositiveIntegerField(_("version"), default=0, editable=False)
    wordings = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name = _("consent on a landing page")
        verbose_name_plural = _("consents on landing pages")
        constraints = [models.UniqueConstraint(fields=["page", "channel", "topic"], name="landing_consent_once")]

    def __str__(self) -> str:
        return self.words[:80]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new wording is a new version: what was agreed to before stays readable."""
        if self.wordings.get(str(self.version)) != self.words:
            self.version += 1
            self.wordings[str(self.version)] = self.words
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused: raises ProtectedError."""
        raise ProtectedError("consents refer to the words of this box: take it off the page", {self})

    def text_version(self) -> str:
        """How consents name the wording: `join:spring:17:2`."""
        return f"join:{self.page.slug[:20]}:{self.pk}:{self.version}"
