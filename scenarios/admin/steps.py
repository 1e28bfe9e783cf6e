"""What the native forms of all steps have in common; the forms are in `steps_*.py`, a file a group."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as t
from polymorphic.admin import PolymorphicChildModelAdmin

from scenarios.admin.parts import PartAdmin, number
from scenarios.models import Branch, Scenario, Step
from scenarios.services import tree


class StepAdmin(PartAdmin, PolymorphicChildModelAdmin):
    """A step: added at a place of a branch, `?branch=ID&position=N`."""

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
