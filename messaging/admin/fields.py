"""The text of a message, with a palette of the variables that it may use (semantics §25)."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from loyalty.admin.fields import OpenChoiceField
from messaging.admin.buttons import ButtonsField
from messaging.models import Topic
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


def _topics() -> list[tuple[str, str]]:
    """What there is to choose, each with who gets it and whether anything holds it back."""
    return [
        (
            topic.slug,
            f"{topic} — {topic.get_consent_display()}, {_('exempt from quiet hours and caps')}"
            if topic.exempt
            else f"{topic} — {topic.get_consent_display()}",
        )
        for topic in Topic.objects.all()
    ]


def topic_field(**kwargs: Any) -> OpenChoiceField:
    """What the message is about: the client must have agreed to it."""
    return OpenChoiceField(
        label=capfirst(_("topic")), choices=_topics, max_length=50, hint=_("Choose or type a topic"), **kwargs
    )


class MessageForm(forms.ModelForm):
    """What every form with a message's content has."""

    topic = topic_field(
        initial="marketing",
        help_text=_("The client must have agreed to this topic on this channel, unless the topic says otherwise."),
    )

    buttons = ButtonsField()

    class Meta:
        widgets = {
            "subject": PaletteInput,
            "body": PaletteTextarea(attrs={"rows": 9}),
            "html": PaletteTextarea(attrs={"rows": 12}),
        }
