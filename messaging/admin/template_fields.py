"""Choosing a template of WhatsApp for a message, and saying what stands in its gaps."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from messaging.admin.palette import PaletteInput
from messaging.models import WhatsAppTemplate
from messaging.models.content import MAX_VARIABLES, check_variables


class TemplateSelect(UnfoldAdminSelectWidget):
    """A known template, or the one that is chosen already, known or not."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        groups = super().optgroups(name, value, attrs)
        known = {str(option["value"]) for _name, options, _index in groups for option in options}
        for own in value:
            if own and own not in known:
                option = self.create_option(name, own, own, True, len(groups), attrs=attrs)
                groups.append((None, [option], len(groups)))
        return groups


def _templates() -> Iterable[tuple[str, str]]:
    yield "", str(_("No template: free text, within 24 hours of the client's own message"))
    for template in WhatsAppTemplate.objects.exclude(status__in=("rejected", "disabled")):
        yield template.sid, str(template)


class TemplateField(forms.ChoiceField):
    """A template by its SID."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=capfirst(_("WhatsApp template")),
            choices=_templates,
            required=False,
            widget=TemplateSelect,
            help_text=_("WhatsApp lets an approved template alone begin a conversation."),
            **kwargs,
        )

    def valid_value(self, value: str) -> bool:
        # The model says what is wrong with one that is not known here.
        return len(value) <= 34


class VariablesWidget(forms.Widget):
    """A line for each variable of the template that the field beside it names."""

    template_name = "messaging/widgets/variables.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        said = list((value if isinstance(value, dict) else {}).items())
        spare = [("", "")] * (MAX_VARIABLES - len(said))
        line = PaletteInput(attrs={"aria-label": _("Text of the variable")})
        context["rows"] = [
            {
                "name": variable,
                "text": line.get_context(f"{name}-text", text, {"id": f"id_{name}-{index}"}),
                "shown": bool(variable),
            }
            for index, (variable, text) in enumerate([*said, *spare])
        ]
        context["select"] = name.replace("variables", "template")
        context["templates"] = {
            template.sid: {"body": template.body, "variables": template.variables, "replies": template.replies}
            for template in WhatsAppTemplate.objects.all()
        }
        return context

    def value_from_datadict(self, data: Any, files: Mapping[str, Any], name: str) -> dict[str, str]:
        pairs = zip(data.getlist(f"{name}-name"), data.getlist(f"{name}-text"), strict=False)
        return {variable: text.strip() for variable, text in pairs if variable}

    def value_omitted_from_data(self, data: Any, files: Mapping[str, Any], name: str) -> bool:
        return f"{name}-name" not in data

    class Media:
        js = ("messaging/palette.js", "messaging/variables.js")
        css = {"all": ("messaging/palette.css",)}


class VariablesField(forms.Field):
    """The Liquid text of each variable of a template."""

    widget = VariablesWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "initial": dict, "label": _("What the template says")} | kwargs)

    def clean(self, value: Any) -> dict[str, str]:
        check_variables(value or {})
        return value or {}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or {}) != (data or {})
