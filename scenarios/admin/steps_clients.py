"""Forms of the steps that change the client."""

from django import forms
from django.contrib import admin

from messaging.admin.palette import PaletteInput
from scenarios.admin.steps import StepAdmin
from scenarios.models import SetClientAttribute


class SetClientAttributeForm(forms.ModelForm):
    """Its value may say variables."""

    class Meta:
        widgets = {"value": PaletteInput}


@admin.register(SetClientAttribute)
class SetClientAttributeAdmin(StepAdmin):
    form = SetClientAttributeForm
    fieldsets = ((None, {"fields": ("attribute", "action", "kind", "value")}),)
    # A reader's form has no such fields.
    conditional_fields = {
        "kind": "typeof action === 'undefined' || action === 'set'",
        "value": "typeof action === 'undefined' || action !== 'clear'",
    }
