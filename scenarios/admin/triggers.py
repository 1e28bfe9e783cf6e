"""The native form of every type of trigger."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from polymorphic.admin import PolymorphicChildModelAdmin

from loyalty.admin.fields import event_field, events_field
from scenarios.admin.conditions import OwnerAdmin, OwnerForm
from scenarios.admin.parts import number
from scenarios.models import AbsenceTrigger, EventTrigger, Scenario, Trigger
from scenarios.services import tree


class TriggerAdmin(OwnerAdmin, PolymorphicChildModelAdmin):
    """A trigger: added to a scenario, `?scenario=ID`."""

    change_form_template = "scenarios/part_form.html"
    base_model = Trigger
    exclude = ("scenario", "conditions")

    def scenario_of(self, request: HttpRequest, obj: Any) -> Scenario:
        if obj is not None and obj.scenario_id:
            return obj.scenario
        return get_object_or_404(Scenario, pk=number(request, "scenario"))

    def insert(self, request: HttpRequest, obj: Trigger) -> str:
        tree.add_trigger(obj, self.scenario_of(request, None))
        return t("Added a trigger: «%(trigger)s»") % {"trigger": obj.sentence()}


class EventTriggerForm(OwnerForm):
    """Its event is chosen by name."""

    event_name = event_field(_("event"))


@admin.register(EventTrigger)
class EventTriggerAdmin(TriggerAdmin):
    form = EventTriggerForm
    fieldsets = ((None, {"fields": ("event_name", ("delay", "delay_unit"))}),)


class AbsenceTriggerForm(OwnerForm):
    """Its events are chosen by name."""

    base_event = event_field(_("since the event"), initial="cart.updated")
    absent_events = events_field(_("none of these happened"), initial=["order.created"])


@admin.register(AbsenceTrigger)
class AbsenceTriggerAdmin(TriggerAdmin):
    form = AbsenceTriggerForm
    fieldsets = ((None, {"fields": ("base_event", "absent_events", ("delay", "delay_unit"))}),)
