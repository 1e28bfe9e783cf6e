"""Forms of conditions on who the client is, and on the time where the client lives."""

from datetime import date, timedelta

from django import forms
from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty.admin.fields import OpenChoiceField, OpenMultipleChoiceField
from loyalty.models import Client
from segments.admin.condition_form import ConditionForm
from segments.conditions import (
    AttributeCondition,
    BirthdayCondition,
    ConsentCondition,
    LocalTimeCondition,
    NearDateCondition,
    NearStoreCondition,
    ProfileFilledCondition,
    RegistrationCondition,
)
from segments.conditions.attribute import DATE_FIELDS, FIELDS
from segments.conditions.comparison import WITHOUT_VALUE, Operator

# Comparisons that compare with something given.
WITH_VALUE = [name for name in Operator.values if name not in WITHOUT_VALUE]

_MONDAY = date(2024, 1, 1)


def _profile_fields() -> list[tuple[str, object]]:
    return [(name, capfirst(Client._meta.get_field(name).verbose_name)) for name in (*FIELDS, *DATE_FIELDS)]


def _weekdays() -> list[tuple[int, str]]:
    return [(day, formats.date_format(_MONDAY + timedelta(days=day), "l")) for day in range(7)]


_CUSTOM = _("A custom attribute is written attributes.NAME.")


class AttributeForm(ConditionForm):
    """A field of the profile, or a custom attribute by name."""

    attribute = OpenChoiceField(
        label=capfirst(_("attribute")),
        choices=[("", ""), *_profile_fields()],
        hint=_("Choose a field, or type attributes.NAME"),
        help_text=_CUSTOM,
    )
    layout = ("attribute", "operator", "value")
    shown_when = {"value": ("operator", WITH_VALUE)}

    class Meta:
        model = AttributeCondition
        fields = ("attribute", "operator", "value")


class ProfileFilledForm(ConditionForm):
    """Fields that are filled in."""

    names = OpenMultipleChoiceField(
        label=capfirst(_("fields")),
        choices=_profile_fields(),
        hint=_("Choose fields, or type attributes.NAME"),
        help_text=_CUSTOM,
    )
    layout = ("names", "negated")

    class Meta:
        model = ProfileFilledCondition
        fields = ("names", "negated")


class BirthdayForm(ConditionForm):
    """Days around today."""

    layout = (("first", "last"),)

    class Meta:
        model = BirthdayCondition
        fields = ("first", "last")


class NearDateForm(ConditionForm):
    """Days around a date that the client has."""

    layout = ("attribute", ("first", "last"))

    class Meta:
        model = NearDateCondition
        fields = ("attribute", "first", "last")


class RegistrationForm(ConditionForm):
    """Days since the registration."""

    layout = (("at_least", "at_most"),)

    class Meta:
        model = RegistrationCondition
        fields = ("at_least", "at_most")


class ConsentForm(ConditionForm):
    """Consent by channel and topic."""

    layout = (("channel", "topic"), "negated")

    class Meta:
        model = ConsentCondition
        fields = ("channel", "topic", "negated")


class NearStoreForm(ConditionForm):
    """Distance to a store."""

    layout = (("store", "kilometres"), "days")

    class Meta:
        model = NearStoreCondition
        fields = ("store", "kilometres", "days")


class LocalTimeForm(ConditionForm):
    """Weekdays and hours."""

    weekdays = forms.TypedMultipleChoiceField(
        label=capfirst(_("weekdays")),
        choices=_weekdays,
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: every day. By the client's own clock."),
    )
    layout = ("weekdays", ("since", "until"))

    class Meta:
        model = LocalTimeCondition
        fields = ("weekdays", "since", "until")
