"""Forms of the steps that change segments."""

from django import forms
from django.contrib import admin

from scenarios.admin.steps import StepAdmin
from scenarios.models import AddToSegment, MoveToSegment, RemoveFromSegment
from segments.admin.fields import SegmentSelect


class SegmentStepForm(forms.ModelForm):
    """A segment is chosen with its colour, or created in place."""

    class Meta:
        widgets = {"segment": SegmentSelect, "source": SegmentSelect, "target": SegmentSelect}


@admin.register(AddToSegment)
class AddToSegmentAdmin(StepAdmin):
    form = SegmentStepForm
    fieldsets = ((None, {"fields": ("segment",)}),)


@admin.register(RemoveFromSegment)
class RemoveFromSegmentAdmin(StepAdmin):
    form = SegmentStepForm
    fieldsets = ((None, {"fields": ("segment",)}),)


@admin.register(MoveToSegment)
class MoveToSegmentAdmin(StepAdmin):
    form = SegmentStepForm
    fieldsets = ((None, {"fields": (("source", "target"), "who")}),)
