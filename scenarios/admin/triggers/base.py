"""What the forms of triggers have in common."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as t
from polymorphic.admin import PolymorphicChildModelAdmin

from scenarios.admin.conditions import OwnerAdmin
from scenarios.admin.parts import number
from scenarios.models import Scenario, Trigger
from scenarios.services import tree


class TriggerAdmin(OwnerAdmin, PolymorphicChildModelAdmin):
    """A trigger: added to a scenario, `?scenario=ID`."""

    base_model = Trigger
    exclude = ("scenario", "conditions")

    def scenario_of(self, request: HttpRequest, obj: Any) -> Scenario:
        if obj is not None and obj.scenario_id:
            return obj.scenario
        return get_object_or_404(Scenario, pk=number(request, "scenario"))

    def insert(self, request: HttpRequest, obj: Trigger) -> str:
        tree.add_trigger(obj, self.scenario_of(request, None))
        return t("Added a trigger: «%(trigger)s»") % {"trigger": obj.sentence()}
