"""Editing the buttons of a message: a row a button, with empty rows for more."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from messaging import buttons
from messaging.buttons import PARTS, Kind
from segments.models import Segment


class ButtonsWidget(forms.Widget):
    """Rows of text, what it does, and where it leads."""

    template_name = "messaging/widgets/buttons.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        said = value if isinstance(value, list) else []
        empty = dict.fromkeys(PARTS, "") | {"kind": Kind.REPLY}
        spare = [empty] * max(0, buttons.MAX_BUTTONS - len(said))
        context["rows"] = [
            {
                part: widget.get_context(f"{name}-{part}", row.get(part, ""), {"id": f"id_{name}-{index}-{part}"})[
                    "widget"
                ]
                for part, widget in _widgets().items()
            }
            | {"said": row.get("kind", ""), "shown": index < len(said)}
            for index, row in enumerate([*said, *spare])
        ]
        context["count"] = len(said)
        context["most"] = buttons.MAX_BUTTONS
        return context

    def value_from_datadict(self, data: Any, files: Mapping[str, Any], name: str) -> list[dict[str, str]]:
        columns = [data.getlist(f"{name}-{part}") for part in PARTS]
        return [
            _row(dict(zip(PARTS, (value.strip() for value in row), strict=True)))
            for row in zip(*columns, strict=False)
            if row[PARTS.index("text")].strip()
        ]

    def value_omitted_from_data(self, data: Any, files: Mapping[str, Any], name: str) -> bool:
        return f"{name}-text" not in data


def _row(said: dict[str, str]) -> dict[str, str]:
    """What its kind has of a row: what was hidden is not kept."""
    needed = {"text", "kind"}
    needed |= {"url"} if said["kind"] == Kind.LINK else {"thanks"}
    needed |= {"segment"} if said["kind"] == Kind.SEGMENT else set()
    return {part: value for part, value in said.items() if part in needed and (value or part == "text")}


def _widgets() -> dict[str, forms.Widget]:
    segments = Segment.objects.filter(kind=Segment.Kind.STATIC).order_by("name").values_list("slug", "name")

    def line(words: Any, **attrs: Any) -> forms.Widget:
        return UnfoldAdminTextInputWidget(attrs={"placeholder": words, "aria-label": words} | attrs)

    return {
        "text": line(_("Text of the button"), maxlength=200),
        "kind": UnfoldAdminSelectWidget(
            choices=Kind.choices, attrs={"aria-label": _("What it does"), "x-model": "kind"}
        ),
        "url": line("https://…", inputmode="url"),
        "segment": UnfoldAdminSelectWidget(
            choices=[("", _("Choose a segment")), *segments], attrs={"aria-label": _("Segment")}
        ),
        "thanks": line(_("What the client reads then, such as “We will call you”")),
    }


class ButtonsField(forms.Field):
    """Buttons; rows without a text are left out."""

    widget = ButtonsWidget

    def __init__(self, **kwargs: Any) -> None:
        hint = _("In Telegram, VK and WhatsApp templates they are real buttons; elsewhere each is a personal link.")
        super().__init__(**{"required": False, "initial": list, "label": _("Buttons"), "help_text": hint} | kwargs)

    def clean(self, value: Any) -> list[dict[str, str]]:
        buttons.check(value)
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or []) != (data or [])
