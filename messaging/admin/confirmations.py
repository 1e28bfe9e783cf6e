"""The words in which clients are asked to confirm (double opt-in)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from messaging.admin.fields import PaletteInput, PaletteTextarea
from messaging.models import ConfirmationText
from messaging.services import confirm_words
from messaging.services.palette import CONFIRM_VARIABLES


class ConfirmInput(PaletteInput):
    """One line of a request to confirm."""

    variables = CONFIRM_VARIABLES


class ConfirmTextarea(PaletteTextarea):
    """The text of a request to confirm."""

    variables = CONFIRM_VARIABLES


class ConfirmationTextForm(forms.ModelForm):
    """The words, checked as templates."""

    class Meta:
        widgets = {"subject": ConfirmInput, "body": ConfirmTextarea(attrs={"rows": 10})}

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        row = ConfirmationText(channel=said.get("channel", ""), **{k: said.get(k) or "" for k in ("subject", "body")})
        for field, words in confirm_words.wrong(row).items():
            self.add_error(field, words)
        return said


@admin.register(ConfirmationText)
class ConfirmationTextAdmin(ModelAdmin):
    """Requests to confirm."""

    form = ConfirmationTextForm
    list_display = ("channel", "language", "subject")
    list_display_links = ("channel", "language")
    fields = (("channel", "language"), "subject", "body")
    compressed_fields = False

    # Whoever writes their own words begins with ours.
    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str]:
        given = super().get_changeform_initial_data(request)
        channel = given.get("channel", ConfirmationText.Way.EMAIL)
        row = confirm_words.default(channel, confirm_words.known(given.get("language", "")))
        return {"channel": channel, "language": row.language, "subject": row.subject, "body": row.body} | given
