"""The form of the condition on RFM."""

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from segments.admin.condition_form import ConditionForm
from segments.conditions import RfmCondition
from segments.rfm import RfmBand, RfmGroup


class RfmForm(ConditionForm):
    """RFM groups, bands or scores."""

    groups = forms.MultipleChoiceField(
        label=capfirst(_("groups")),
        choices=RfmGroup.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    bands = forms.MultipleChoiceField(
        label=capfirst(_("bands")),
        choices=RfmBand.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    layout = ("what", "groups", "bands", ("r_from", "r_to"), ("f_from", "f_to"), ("m_from", "m_to"))
    shown_when = {
        "groups": ("what", [RfmCondition.What.GROUPS]),
        "bands": ("what", [RfmCondition.What.BANDS]),
        **{f"{name}_{end}": ("what", [RfmCondition.What.SCORES]) for name in "rfm" for end in ("from", "to")},
    }

    class Meta:
        model = RfmCondition
        fields = ("what", "groups", "bands", "r_from", "r_to", "f_from", "f_to", "m_from", "m_to")
