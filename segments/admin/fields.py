"""Choosing a segment, with its colour."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from segments.models import Segment


class SegmentSelect(UnfoldAdminSelectWidget):
    """A select whose options show a dot of the segment's colour."""

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, label, *args, **kwargs)
        segment = getattr(value, "instance", None)
        if isinstance(segment, Segment):
            option["label"] = f"● {segment.name}"
            option["attrs"]["style"] = f"color: {segment.colour}"
        return option


class SegmentChoiceField(forms.ModelChoiceField):
    """A segment, by name."""

    widget = SegmentSelect
