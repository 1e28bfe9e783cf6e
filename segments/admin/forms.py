"""The form of every type of condition, for whoever owns conditions: a scenario's branch, its trigger, a segment."""

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from loyalty.admin.fields import OpenChoiceField, event_field
from loyalty.models import Client
from segments.admin.fields import SegmentSelect
from segments.conditions.attribute import FIELDS
from segments.models import AttributeCondition, EventCountCondition, InSegment


class EventCountForm(forms.ModelForm):
    """An event happened so and so often."""

    event_name = event_field(_("event"))

    class Meta:
        model = EventCountCondition
        fields = ("event_name", "bound", "count", "days")


def _profile_fields() -> list[tuple[str, object]]:
    return [(name, capfirst(Client._meta.get_field(name).verbose_name)) for name in FIELDS]


class AttributeForm(forms.ModelForm):
    """A field of the profile, or a custom attribute by name."""

    attribute = OpenChoiceField(
        label=capfirst(_("attribute")),
        choices=[("", ""), *_profile_fields()],
        hint=_("Choose a field, or type attributes.NAME"),
        help_text=_("A custom attribute is written attributes.NAME."),
    )

    class Meta:
        model = AttributeCondition
        fields = ("attribute", "operator", "value")


class InSegmentForm(forms.ModelForm):
    """Being in a segment."""

    class Meta:
        model = InSegment
        fields = ("segment", "negated")
        widgets = {"segment": SegmentSelect}
