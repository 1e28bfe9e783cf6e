"""The words in which clients are asked to confirm that they agree to messages (semantics §27)."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.content import Channel


class ConfirmationText(models.Model):
    """The request by e-mail or SMS in one language; where there is no row, the words of the platform stand."""

    class Way(models.TextChoices):
        EMAIL = Channel.EMAIL.value, Channel.EMAIL.label
        SMS = Channel.SMS.value, Channel.SMS.label

    channel = models.CharField(_("channel"), max_length=10, choices=Way, default=Way.EMAIL)
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    subject = models.CharField(_("subject"), max_length=300, blank=True, help_text=_("For e-mail only."))
    body = models.TextField(_("text"), help_text=_("It has to hold the link: {{ confirm.url }}"))

    class Meta:
        verbose_name = _("request to confirm")
        verbose_name_plural = _("requests to confirm")
        ordering = ("channel", "language")
        constraints = [models.UniqueConstraint(fields=["channel", "language"], name="confirmation_text_once")]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} · {self.get_language_display()}"

    def clean(self) -> None:
        if self.channel == Channel.EMAIL and not self.subject:
            raise ValidationError({"subject": _("An e-mail needs a subject.")})
