"""What the forms of conditions have in common."""

from collections.abc import Collection, Mapping
from typing import Any

from django import forms


class ConditionForm(forms.ModelForm):
    """The form of a type of condition.

    `layout` are its fields in rows, as in a fieldset. `shown_when` hides a field unless another has one of the values.
    """

    layout: tuple[Any, ...] = ()
    shown_when: Mapping[str, tuple[str, Collection[str]]] = {}


# The upper end of a range is asked for where there is a range.
RANGE = {"amount_to": ("bound", ["between"])}
