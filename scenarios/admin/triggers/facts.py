"""Triggers that look at what became of a client: segments, levels, quests, RFM, messages, places, products."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from loyalty.admin.fields import OpenChoiceField, event_field
from loyalty.models import Level, Quest, Store
from scenarios.admin.conditions import OwnerForm
from scenarios.admin.properties import FiltersField
from scenarios.admin.triggers.base import TriggerAdmin
from scenarios.models import (
    BurningTrigger,
    GeofenceTrigger,
    IntervalTrigger,
    LevelTrigger,
    ManualTrigger,
    MessageTrigger,
    ProductNewsTrigger,
    PromoExpiryTrigger,
    QuestTrigger,
    RfmTrigger,
    Scenario,
    SegmentTrigger,
    SendMessage,
)
from segments.admin.fields import SegmentSelect
from segments.rfm import RfmGroup


class Ticked(forms.MultipleChoiceField):
    """Several values, ticked."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget


class NamedField(OpenChoiceField):
    """The name of a row, chosen among those that there are when the form is shown, or typed."""

    def __init__(self, names: Any, **kwargs: Any) -> None:
        super().__init__(required=False, choices=lambda: [("", ""), *names()], hint=_("Any"), **kwargs)


class IntervalTriggerForm(OwnerForm):
    """Its event is chosen by name."""

    base_event = event_field(_("since the last"), initial="order.paid")
    base_filters = FiltersField(label=_("Only if the event says"))


@admin.register(IntervalTrigger)
class IntervalTriggerAdmin(TriggerAdmin):
    form = IntervalTriggerForm
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "base_event",
                    "base_filters",
                    "counted",
                    "attribute",
                    ("days", "least_days"),
                    "percent",
                    ("before", "at"),
                )
            },
        ),
    )
    conditional_fields = {"attribute": "typeof counted === 'undefined' || counted === 'attribute'"}


class SegmentTriggerForm(OwnerForm):
    """The segment is chosen with its colour."""

    class Meta:
        widgets = {"segment": SegmentSelect}


@admin.register(SegmentTrigger)
class SegmentTriggerAdmin(TriggerAdmin):
    form = SegmentTriggerForm
    fieldsets = ((None, {"fields": (("move", "segment"),)}),)


@admin.register(BurningTrigger)
class BurningTriggerAdmin(TriggerAdmin):
    fieldsets = ((None, {"fields": ("when", ("days", "at"))}),)
    conditional_fields = {
        "days": "typeof when === 'undefined' || when === 'before'",
        "at": "typeof when === 'undefined' || when === 'before'",
    }


@admin.register(PromoExpiryTrigger)
class PromoExpiryTriggerAdmin(TriggerAdmin):
    fieldsets = ((None, {"fields": ("pool", ("days", "at"))}),)


class LevelTriggerForm(OwnerForm):
    """Levels are chosen by name."""

    to = NamedField(
        lambda: [(name, name) for name in Level.objects.values_list("name", flat=True)], label=_("To the level")
    )


@admin.register(LevelTrigger)
class LevelTriggerAdmin(TriggerAdmin):
    form = LevelTriggerForm
    fieldsets = ((None, {"fields": (("direction", "to"),)}),)


class QuestTriggerForm(OwnerForm):
    """Quests are chosen by name."""

    quest = NamedField(lambda: list(Quest.objects.values_list("slug", "name")), label=_("Quest"))


@admin.register(QuestTrigger)
class QuestTriggerAdmin(TriggerAdmin):
    form = QuestTriggerForm
    fieldsets = ((None, {"fields": ("quest", ("left", "left_percent"))}),)


class RfmTriggerForm(OwnerForm):
    """Groups are ticked."""

    from_groups = Ticked(
        label=pgettext_lazy("RFM group", "From"), choices=RfmGroup.choices, required=False, help_text=_("None: any.")
    )
    to_groups = Ticked(
        label=pgettext_lazy("RFM group", "To"), choices=RfmGroup.choices, required=False, help_text=_("None: any.")
    )


@admin.register(RfmTrigger)
class RfmTriggerAdmin(TriggerAdmin):
    form = RfmTriggerForm
    fieldsets = ((None, {"fields": ("from_groups", "to_groups")}),)


class MessageTriggerForm(OwnerForm):
    """The other scenario is chosen by name, its message by what the card says."""

    of_scenario = forms.ModelChoiceField(
        label=_("Of the scenario"),
        required=False,
        empty_label=_("Any"),
        queryset=Scenario.objects.order_by("name"),
        widget=UnfoldAdminSelectWidget,
    )
    of_step = forms.ChoiceField(label=_("Message"), required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.messages = SendMessage.objects.select_related("branch__scenario").order_by("branch__scenario__name", "pk")
        said: dict[str, list[tuple[str, str]]] = {}
        for step in self.messages:
            said.setdefault(step.branch.scenario.name, []).append((step.key, step.sentence()))
        choices: list[Any] = [("", _("Any")), *said.items()]
        chosen = self.instance.of_step
        if chosen and all(step.key != chosen for step in self.messages):
            choices.append((chosen, _("a removed one: %(key)s") % {"key": chosen}))
        self.fields["of_step"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    def clean_of_step(self) -> str:
        chosen, scenario = self.cleaned_data["of_step"], self.cleaned_data.get("of_scenario")
        if scenario and any(step.key == chosen and step.branch.scenario_id != scenario.pk for step in self.messages):
            raise forms.ValidationError(_("This message is not one of that scenario's."))
        return chosen


@admin.register(MessageTrigger)
class MessageTriggerAdmin(TriggerAdmin):
    form = MessageTriggerForm
    fieldsets = ((None, {"fields": (("deed", "channel"), ("of_scenario", "of_step"))}),)


class GeofenceTriggerForm(OwnerForm):
    """Stores are chosen by name."""

    store = NamedField(lambda: list(Store.objects.values_list("slug", "name")), label=_("Store"))


@admin.register(GeofenceTrigger)
class GeofenceTriggerAdmin(TriggerAdmin):
    form = GeofenceTriggerForm
    fieldsets = ((None, {"fields": ("store", "open_only", "fresh_minutes")}),)


class ProductNewsTriggerForm(OwnerForm):
    """For whom it is news, is ticked."""

    interests = Ticked(
        label=_("For those who"),
        choices=ProductNewsTrigger.Interest.choices,
        initial=[ProductNewsTrigger.Interest.VIEWED, ProductNewsTrigger.Interest.CARTED],
    )


@admin.register(ProductNewsTrigger)
class ProductNewsTriggerAdmin(TriggerAdmin):
    form = ProductNewsTriggerForm
    fieldsets = ((None, {"fields": (("news", "percent", "left"), "interests", "days", "merge_minutes")}),)
    conditional_fields = {
        "percent": "typeof news === 'undefined' || news === 'price'",
        "left": "typeof news === 'undefined' || news === 'left'",
    }


@admin.register(ManualTrigger)
class ManualTriggerAdmin(TriggerAdmin):
    fieldsets = ((None, {"fields": (), "description": _("Let clients in from the list of clients or a segment.")}),)
