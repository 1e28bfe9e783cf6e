"""The native forms of the steps that lead the way: waits, forks, ends."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty.admin.fields import event_field
from scenarios.admin.properties import FiltersField
from scenarios.admin.steps import StepAdmin
from scenarios.models import Exit, Fork, Goal, Split, StartChain, StartScenario, StopScenario, Wait, WaitForEvent


class WaitForm(forms.ModelForm):
    """Days of the week are boxes to tick."""

    weekdays = forms.TypedMultipleChoiceField(
        label=capfirst(_("days of the week")),
        choices=[(number + 1, name) for number, name in WEEKDAYS.items()],
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None: any day."),
    )


def _when(*tests: str) -> str:
    """When a field is shown. A reader's form has no fields to look at: there all are shown."""
    return "typeof mode === 'undefined' || " + " || ".join(f"({test})" for test in tests)


_CLOCK, _DATE, _WINDOW, _LENGTH = (f"mode === '{mode}'" for mode in ("clock", "date", "window", "length"))


@admin.register(Wait)
class WaitAdmin(StepAdmin):
    form = WaitForm
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "mode",
                    ("amount", "unit"),
                    "days",
                    "counted_from",
                    "weekdays",
                    ("opens", "closes"),
                    "date_of",
                    "given",
                    "name",
                    ("shift", "shift_days"),
                    "at",
                    "when_past",
                )
            },
        ),
    )
    conditional_fields = {
        "amount": _when(_LENGTH),
        "unit": _when(_LENGTH),
        "days": _when(_CLOCK),
        "counted_from": _when(_LENGTH, _CLOCK),
        "weekdays": _when(_WINDOW),
        "opens": _when(_WINDOW),
        "closes": _when(_WINDOW),
        "date_of": _when(_DATE),
        "given": _when(f"{_DATE} && date_of === 'given'"),
        "name": _when(f"{_DATE} && ['attribute', 'event'].includes(date_of)"),
        "shift": _when(_DATE),
        "shift_days": _when(f"{_DATE} && shift !== 'on'"),
        "at": _when(_CLOCK, _DATE),
        "when_past": _when(_CLOCK, _DATE),
    }


class WaitForEventForm(forms.ModelForm):
    """Its event is chosen by name."""

    event_name = event_field(_("event"))
    filters = FiltersField(label=_("Only if the event says"))


@admin.register(WaitForEvent)
class WaitForEventAdmin(StepAdmin):
    form = WaitForEventForm
    fieldsets = ((None, {"fields": ("event_name", "filters", ("timeout", "timeout_unit"), "since")}),)


@admin.register(Fork)
class ForkAdmin(StepAdmin):
    fieldsets: Any = (
        (
            None,
            {
                "fields": ("label",),
                "description": _(
                    "A client goes into the first branch whose conditions hold, else into “Otherwise”."
                    " The conditions are set in the header of each branch on the map."
                ),
            },
        ),
    )


@admin.register(Exit, Goal)
class EndAdmin(StepAdmin):
    fieldsets = ((None, {"fields": ("label",)}),)


@admin.register(Split)
class SplitAdmin(StepAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("label", "pick", ("confidence", "least")),
                "description": _(
                    "A client always draws the same branch. The share of a branch is set in its header on the map."
                    " The winner is the branch that brings more clients to the scenario's goal."
                ),
            },
        ),
    )
    conditional_fields = {
        "confidence": "typeof pick === 'undefined' || pick",
        "least": "typeof pick === 'undefined' || pick",
    }


@admin.register(StartScenario, StartChain, StopScenario)
class OtherAdmin(StepAdmin):
    fieldsets = ((None, {"fields": ("target",)}),)
