"""The native form of every type of step."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from polymorphic.admin import PolymorphicChildModelAdmin

from messaging.admin.fields import MessageForm
from scenarios.admin.parts import PartAdmin, number
from scenarios.models import (
    AccrueBonuses,
    AddToSegment,
    Branch,
    Fork,
    IssuePromoCode,
    RemoveFromSegment,
    Scenario,
    SendMessage,
    Step,
    Wait,
)
from scenarios.services import tree
from segments.admin.fields import SegmentSelect


class StepAdmin(PartAdmin, PolymorphicChildModelAdmin):
    """A step: added at a place of a branch, `?branch=ID&position=N`."""

    change_form_template = "scenarios/part_form.html"
    base_model = Step
    exclude = ("branch", "position")

    def scenario_of(self, request: HttpRequest, obj: Any) -> Scenario:
        if obj is not None and obj.branch_id:
            return obj.branch.scenario
        return self._target(request).scenario

    def _target(self, request: HttpRequest) -> Branch:
        return get_object_or_404(Branch.objects.select_related("scenario"), pk=number(request, "branch"))

    def insert(self, request: HttpRequest, obj: Step) -> str:
        position = number(request, "position") if "position" in request.GET else None
        tree.insert(obj, self._target(request), position)
        return t("Added a step: «%(step)s»") % {"step": obj.sentence()}


@admin.register(SendMessage)
class SendMessageAdmin(StepAdmin):
    form = MessageForm
    fieldsets = ((None, {"fields": (("channel", "topic"), "subject", "body")}),)
    # A reader's form has no such fields.
    conditional_fields = {"subject": "typeof channel === 'undefined' || channel === 'email'"}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"channel": "email"} | super().get_changeform_initial_data(request)


@admin.register(Wait)
class WaitAdmin(StepAdmin):
    fieldsets = ((None, {"fields": (("amount", "unit"),)}),)


@admin.register(Fork)
class ForkAdmin(StepAdmin):
    fieldsets = (
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


@admin.register(AccrueBonuses)
class AccrueBonusesAdmin(StepAdmin):
    fieldsets = ((None, {"fields": (("amount", "lifetime_days"), "reason")}),)


@admin.register(IssuePromoCode)
class IssuePromoCodeAdmin(StepAdmin):
    fieldsets = ((None, {"fields": ("pool", "when_dry", "instead")}),)
    conditional_fields = {"instead": "typeof when_dry === 'undefined' || when_dry === 'shared'"}


class SegmentStepForm(forms.ModelForm):
    """A segment is chosen with its colour, or created in place."""

    class Meta:
        widgets = {"segment": SegmentSelect}


@admin.register(AddToSegment)
class AddToSegmentAdmin(StepAdmin):
    form = SegmentStepForm
    fieldsets = ((None, {"fields": ("segment",)}),)


@admin.register(RemoveFromSegment)
class RemoveFromSegmentAdmin(StepAdmin):
    form = SegmentStepForm
    fieldsets = ((None, {"fields": ("segment",)}),)
