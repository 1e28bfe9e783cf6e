"""When marketing may go: hours of channels, pause dates."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from messaging.models import PauseDate, SendWindow


class SendWindowForm(forms.ModelForm):
    """The days are boxes to tick."""

    weekdays = forms.TypedMultipleChoiceField(
        label=capfirst(_("days of the week")),
        choices=lambda: [(day + 1, capfirst(str(name))) for day, name in WEEKDAYS.items()],
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None: any day."),
    )


@admin.register(SendWindow)
class SendWindowAdmin(ModelAdmin):
    """Send windows."""

    form = SendWindowForm
    list_display = ("which", "days", "hours", "outside", "spread_minutes")
    fieldsets = (
        (
            None,
            {
                "fields": ("channel", "weekdays", ("opens", "closes"), ("outside", "spread_minutes")),
                "description": _(
                    "Marketing leaves within these hours of the client’s clock; all other hours are quiet."
                ),
            },
        ),
    )

    @display(description=_("channel"))
    def which(self, window: SendWindow) -> str:
        return str(window)

    @display(description=_("days of the week"))
    def days(self, window: SendWindow) -> str:
        return ", ".join(str(WEEKDAYS_ABBR[day - 1]) for day in sorted(window.weekdays)) or str(_("any day"))

    @display(description=_("hours"))
    def hours(self, window: SendWindow) -> str:
        return f"{window.opens:%H:%M}–{window.closes:%H:%M}"

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "channel" and field is not None:
            field.choices = [("", _("every other channel")), *field.choices[1:]]
        return field


@admin.register(PauseDate)
class PauseDateAdmin(ModelAdmin):
    """Pause dates."""

    list_display = ("name", "first", "last", "marketing")
    fields = ("name", ("first", "last"), "marketing")
