"""Triggers that time alone starts."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty.services import programme
from scenarios.admin.conditions import OwnerForm
from scenarios.admin.triggers.base import TriggerAdmin
from scenarios.models import DateTrigger, ScheduleTrigger
from segments.admin.fields import SegmentSelect


@admin.register(DateTrigger)
class DateTriggerAdmin(TriggerAdmin):
    fieldsets = ((None, {"fields": ("kept", "attribute", "yearly", ("side", "days"), "at")}),)
    # A reader's form has no such fields.
    conditional_fields = {
        "attribute": "typeof kept === 'undefined' || kept === 'attribute'",
        "yearly": "typeof kept === 'undefined' || kept !== 'birthday'",
        "days": "typeof side === 'undefined' || side !== 'on'",
    }


class ScheduleTriggerForm(OwnerForm):
    """Weekdays are ticked."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        choices=[(number + 1, name) for number, name in WEEKDAYS.items()],
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        widgets = {"segment": SegmentSelect}


@admin.register(ScheduleTrigger)
class ScheduleTriggerAdmin(TriggerAdmin):
    form = ScheduleTriggerForm
    fieldsets = (
        (
            None,
            {"fields": ("segment", ("starts_on", "at"), "repeat", "weekdays", "rule", "ends_on", "next_dates")},
        ),
    )
    readonly_fields = ("next_dates",)
    conditional_fields = {
        "weekdays": "typeof repeat === 'undefined' || repeat === 'weekly'",
        "rule": "typeof repeat === 'undefined' || repeat === 'rule'",
        "ends_on": "typeof repeat === 'undefined' || repeat !== 'once'",
    }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and obj.pk:
            return fieldsets
        (title, options), *others = fieldsets
        shown = tuple(name for name in options["fields"] if name != "next_dates")
        return ((title, options | {"fields": shown}), *others)

    @admin.display(description=_("next dates"))
    def next_dates(self, obj: ScheduleTrigger) -> str:
        """The next five moments, by the programme's clock."""
        try:
            moments = obj.next_moments(timezone.now())
        except ValueError as error:
            return str(error)
        said = [(date_format(moment.astimezone(programme.zone()), "D, j E Y, H:i"),) for moment in moments]
        return format_html_join("", "<div>{}</div>", said) or "–"
