"""Editing filters on an event's properties: a row a filter, with empty rows for more."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from scenarios import properties
from scenarios.properties import Operator

SPARE = 2  # empty rows below those that are filled in

# What is suggested while typing; a property that is not here may be typed as well (docs/events.md).
SUGGESTED = (
    "total", "discount", "currency", "status", "amount", "reason", "category", "query", "results", "rating", "place",
    "service", "price", "old_price", "lines.product_id", "lines.sku", "lines.title", "lines.brand", "lines.category",
    "lines.price", "lines.quantity", "segment", "direction", "to", "pool", "quest", "kind", "role",
)  # fmt: skip


class FiltersWidget(forms.Widget):
    """Rows of property, comparison and value."""

    template_name = "scenarios/widgets/filters.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = value if isinstance(value, list) else []
        empty = {"name": "", "operator": Operator.EQUALS, "value": ""}
        room = max(0, min(SPARE, properties.MAX_FILTERS - len(rows)))
        context["rows"] = [
            {
                part: widget.get_context(f"{name}-{part}", row.get(part, ""), {"id": f"id_{name}-{index}-{part}"})[
                    "widget"
                ]
                for part, widget in self._widgets(name).items()
            }
            for index, row in enumerate([*rows, *[empty] * room])
        ]
        context["suggested"] = SUGGESTED
        context["list_id"] = f"{name}-suggested"
        return context

    def _widgets(self, name: str) -> dict[str, forms.Widget]:
        return {
            "name": UnfoldAdminTextInputWidget(
                attrs={"list": f"{name}-suggested", "placeholder": _("property"), "aria-label": _("property")}
            ),
            "operator": UnfoldAdminSelectWidget(choices=Operator.choices, attrs={"aria-label": _("comparison")}),
            "value": UnfoldAdminTextInputWidget(attrs={"placeholder": _("value"), "aria-label": _("value")}),
        }

    def value_from_datadict(self, data: Any, files: Mapping[str, Any], name: str) -> list[dict[str, str]]:
        columns = [data.getlist(f"{name}-{part}") for part in ("name", "operator", "value")]
        return [
            {"name": said.strip(), "operator": operator, "value": value.strip()}
            for said, operator, value in zip(*columns, strict=False)
            if said.strip() or value.strip()
        ]

    def value_omitted_from_data(self, data: Any, files: Mapping[str, Any], name: str) -> bool:
        return f"{name}-name" not in data


class FiltersField(forms.Field):
    """Filters on an event's properties; rows without a property and a value are left out."""

    widget = FiltersWidget

    def __init__(self, **kwargs: Any) -> None:
        hint = _("Such as total, category or lines.brand; several conditions all have to hold.")
        super().__init__(**{"required": False, "initial": list, "help_text": hint} | kwargs)

    def clean(self, value: Any) -> list[dict[str, str]]:
        properties.check(value)
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or []) != (data or [])
