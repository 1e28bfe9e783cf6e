"""Forms in which clients tell about themselves (mechanic T08)."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.asking import Asking
from loyalty.models.client import Client

CUSTOM = "attributes."


class ProfileForm(Asking):
    """A page behind a personal link that asks for what is not known of the client yet."""

    class Meta:
        verbose_name = _("profile form")
        verbose_name_plural = _("profile forms")


class ProfileQuestion(models.Model):
    """One field of the profile that a form asks for."""

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        DATE = "date", _("date")
        CHOICE = "choice", _("one of several")
        FLAG = "flag", _("yes or no")

    # The kind of a field of our own is not the marketer's to choose.
    OWN = {"first_name": Kind.TEXT, "last_name": Kind.TEXT, "birthday": Kind.DATE, "gender": Kind.CHOICE}

    form = models.ForeignKey(
        ProfileForm, models.CASCADE, related_name="questions", db_index=False, verbose_name=_("profile form")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    attribute = models.CharField(
        _("attribute"),
        max_length=100,
        help_text=_("first_name, last_name, birthday, gender, or attributes.NAME for a custom one."),
    )
    words = models.CharField(_("question"), max_length=500)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.TEXT)
    options = models.TextField(_("options"), blank=True, help_text=_("One a line, for “one of several”."))
    required = models.BooleanField(_("must be answered"), default=True)

    class Meta:
        verbose_name = _("question of a profile form")
        verbose_name_plural = _("questions of profile forms")
        ordering = ("position", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["form", "attribute"],
                name="profile_question_once",
                violation_error_message=_("Another question of this form asks for the same."),
            )
        ]

    def __str__(self) -> str:
        return self.words

    def clean(self) -> None:
        custom = self.attribute.startswith(CUSTOM) and self.attribute != CUSTOM
        if not custom and self.attribute not in self.OWN:
            raise ValidationError({"attribute": _("There is no such profile field.")})
        self.kind = self.OWN.get(self.attribute, self.kind)
        if custom and self.kind == self.Kind.CHOICE:
            options = [value for value, _label in self.choices()]
            if len(options) < 2 or len(set(options)) < len(options):
                raise ValidationError({"options": _("Give at least two different options, one a line.")})

    def choices(self) -> list[tuple[str, str]]:
        """What may be chosen, as value and words; empty where anything may be typed."""
        if self.attribute == "gender":
            return [(value, str(words)) for value, words in Client.Gender.choices]
        if self.kind == self.Kind.FLAG:
            return [("yes", str(_("yes"))), ("no", str(_("no")))]
        if self.kind == self.Kind.CHOICE:
            return [(line.strip(), line.strip()) for line in self.options.splitlines() if line.strip()]
        return []
