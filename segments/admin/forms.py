"""The form of every type of condition, for whoever owns conditions: a scenario's branch, its trigger, a segment."""

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from loyalty.admin.fields import OpenChoiceField, event_field
from loyalty.models import Client
from segments.admin.fields import SegmentSelect
from segments.conditions.attribute import DATE_FIELDS, FIELDS, WITHOUT_VALUE
from segments.models import AttributeCondition, Condition, EventCountCondition, InSegment


class ConditionForm(forms.ModelForm):
    """The form of a type of condition.

    `layout` are its fields in rows, as in a fieldset. `shown_when` hides a field unless another has one of the values.
    """

    layout: tuple[Any, ...] = ()
    shown_when: Mapping[str, tuple[str, Collection[str]]] = {}


class EventCountForm(ConditionForm):
    """An event happened so and so often."""

    event_name = event_field(_("event"))
    layout = ("event_name", ("bound", "count"), "days")

    class Meta:
        model = EventCountCondition
        fields = ("event_name", "bound", "count", "days")


def _profile_fields() -> list[tuple[str, object]]:
    return [(name, capfirst(Client._meta.get_field(name).verbose_name)) for name in (*FIELDS, *DATE_FIELDS)]


class AttributeForm(ConditionForm):
    """A field of the profile, or a custom attribute by name."""

    attribute = OpenChoiceField(
        label=capfirst(_("attribute")),
        choices=[("", ""), *_profile_fields()],
        hint=_("Choose a field, or type attributes.NAME"),
        help_text=_("A custom attribute is written attributes.NAME."),
    )
    layout = ("attribute", "operator", "value")
    shown_when = {
        "value": ("operator", [name for name in AttributeCondition.Operator if name not in WITHOUT_VALUE]),
    }

    class Meta:
        model = AttributeCondition
        fields = ("attribute", "operator", "value")


class InSegmentForm(ConditionForm):
    """Being in a segment."""

    layout = ("segment", "negated")

    class Meta:
        model = InSegment
        fields = ("segment", "negated")
        widgets = {"segment": SegmentSelect}


# What an editor of conditions offers; a menu of them is grouped by `Condition.menu_group`.
CONDITION_FORMS: dict[type[Condition], type[ConditionForm]] = {
    EventCountCondition: EventCountForm,
    AttributeCondition: AttributeForm,
    InSegment: InSegmentForm,
}
