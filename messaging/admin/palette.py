"""Texts with a palette of the variables that they may use (semantics §25)."""

from typing import Any

from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from messaging.services.palette import NOTICE_VARIABLES, VARIABLES


class _PaletteMixin:
    template_name = "messaging/text_with_palette.html"
    variables = VARIABLES

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)  # type: ignore[misc]
        context["plain_template"] = self.plain_template  # type: ignore[attr-defined]
        context["variables"] = self.variables
        return context

    class Media:
        js = ("messaging/palette.js",)
        css = {"all": ("messaging/palette.css",)}


class PaletteTextarea(_PaletteMixin, UnfoldAdminTextareaWidget):
    """The text, with the palette under it."""

    plain_template = "django/forms/widgets/textarea.html"


class PaletteInput(_PaletteMixin, UnfoldAdminTextInputWidget):
    """One line, with the palette under it."""

    plain_template = "django/forms/widgets/text.html"


class NoticeTextarea(PaletteTextarea):
    """The text of a notice of burning."""

    variables = NOTICE_VARIABLES


class NoticeInput(PaletteInput):
    """One line of a notice of burning."""

    variables = NOTICE_VARIABLES
