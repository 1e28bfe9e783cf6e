"""Where staff are reached beside their e-mail, and what they want to hear of (semantics §29)."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.intake import read
from loyalty.intake.facts import Refused
from messaging.models.content import Channel


class StaffContact(models.Model):
    """Addresses and wishes of one of the staff. The e-mail is the user's own."""

    class Way(models.TextChoices):
        EMAIL = Channel.EMAIL.value, Channel.EMAIL.label
        TELEGRAM = Channel.TELEGRAM.value, Channel.TELEGRAM.label
        SMS = Channel.SMS.value, Channel.SMS.label

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="staff_contact", verbose_name=_("user")
    )
    phone = models.CharField(_("phone"), max_length=16, blank=True, help_text=_("With the country code: +79991234567"))
    telegram = models.CharField(
        _("Telegram chat"),
        max_length=20,
        blank=True,
        help_text=_("Filled in by itself when the person opens the link and presses Start."),
    )
    prefers = models.CharField(_("is written to by"), max_length=10, choices=Way, default=Way.EMAIL)
    on_reply = models.BooleanField(
        _("tell of messages from clients"), default=False, help_text=_("Of those that wait for an answer by a person.")
    )
    on_problem = models.BooleanField(
        _("tell of problems"), default=False, help_text=_("Each kind once a day: channels that fail, runs that failed…")
    )

    class Meta:
        verbose_name = _("contact of staff")
        verbose_name_plural = _("contacts of staff")

    def __str__(self) -> str:
        return str(self.user)

    def clean(self) -> None:
        if self.phone:
            try:
                phone = read.phone(self.phone, "phone")
            except Refused:
                phone = None
            if phone is None or not phone.e164:
                raise ValidationError({"phone": _("Give a phone number with its country code.")})
            self.phone = phone.e164
        if self.telegram and not self.telegram.removeprefix("-").isdecimal():
            raise ValidationError({"telegram": _("A chat is a number.")})
        needed = {self.Way.TELEGRAM: "telegram", self.Way.SMS: "phone"}.get(self.Way(self.prefers), "")
        if needed and not getattr(self, needed):
            raise ValidationError({needed: _("Needed to write there.")})
