"""Triggers that look at one event, or at its absence."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from loyalty.admin.fields import event_field, events_field
from scenarios.admin.conditions import OwnerForm
from scenarios.admin.properties import FiltersField
from scenarios.admin.triggers.base import TriggerAdmin
from scenarios.models import AbsenceTrigger, EventTrigger, PurchaseTrigger


class EventTriggerForm(OwnerForm):
    """Its event is chosen by name."""

    event_name = event_field(_("event"))
    filters = FiltersField(label=_("Only if the event says"))


@admin.register(EventTrigger)
class EventTriggerAdmin(TriggerAdmin):
    form = EventTriggerForm
    fieldsets = ((None, {"fields": ("event_name", "filters", ("delay", "delay_unit"), "merge_minutes", "once_per")}),)


@admin.register(PurchaseTrigger)
class PurchaseTriggerAdmin(TriggerAdmin):
    fieldsets = ((None, {"fields": ("moment", ("goods", "value"), ("delay", "delay_unit"))}),)


class AbsenceTriggerForm(OwnerForm):
    """Its events are chosen by name."""

    base_event = event_field(_("since the event"), initial="cart.updated")
    base_filters = FiltersField(label=_("Only if the event says"))
    absent_events = events_field(_("none of these happened"), initial=["order.created"])
    absent_filters = FiltersField(label=_("Counted only if they say"))


@admin.register(AbsenceTrigger)
class AbsenceTriggerAdmin(TriggerAdmin):
    form = AbsenceTriggerForm
    fieldsets = (
        (
            None,
            {"fields": ("base_event", "base_filters", ("delay", "delay_unit"), "absent_events", "absent_filters")},
        ),
    )
