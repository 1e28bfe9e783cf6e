"""The form of a message: its channels in order (semantics §22)."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from messaging.admin.fields import MessageForm
from messaging.admin.palette import PaletteInput, PaletteTextarea
from messaging.admin.template_fields import TemplateField, VariablesField
from messaging.models import TITLED, Channel, ChannelContent
from messaging.services import contents
from scenarios.steps.send_message import MAX_CHANNELS

TITLED_JS = f"[{', '.join(repr(channel.value) for channel in sorted(TITLED))}]"
# What is said through a channel, in the order of the form.
PARTS = ("template", "variables", "subject", "body", "html")


def chosen(place: int, what: str = "!== ''") -> str:
    """When a field is shown: by the channel at a place. A reader's form has no fields to look at."""
    return f"typeof channel_{place} !== 'undefined' && channel_{place} {what}"


def titled(place: int) -> str:
    """When the line above the text is typed."""
    return f"typeof channel_{place} !== 'undefined' && {TITLED_JS}.includes(channel_{place})"


def has_body(suffix: str = "") -> str:
    """When the text is typed: an approved template has its own."""
    return f"!(typeof template{suffix} !== 'undefined' && channel{suffix} === 'whatsapp' && template{suffix})"


def _fields(place: int) -> tuple[forms.Field, ...]:
    """The fields of a channel after the first: the channel and `PARTS`."""
    return (
        forms.ChoiceField(
            label=format_lazy("{}. {}", place, capfirst(_("channel"))),
            choices=[("", "—"), *Channel.choices],
            required=False,
            widget=UnfoldAdminSelectWidget,
        ),
        TemplateField(),
        VariablesField(),
        forms.CharField(label=capfirst(_("subject")), required=False, max_length=300, widget=PaletteInput),
        forms.CharField(label=capfirst(_("text")), required=False, widget=PaletteTextarea(attrs={"rows": 5})),
        forms.CharField(
            label=capfirst(_("formatted text")),
            required=False,
            widget=PaletteTextarea(attrs={"rows": 8}),
            help_text=_("MJML or HTML. The text above may stay empty then: it is made of this one."),
        ),
    )


class SendMessageForm(MessageForm):
    """The channels after the first are chosen one below the other, each with a text of its own."""

    PLACES = range(2, MAX_CHANNELS + 1)

    channel_2, template_2, variables_2, subject_2, body_2, html_2 = _fields(2)
    channel_3, template_3, variables_3, subject_3, body_3, html_3 = _fields(3)
    channel_4, template_4, variables_4, subject_4, body_4, html_4 = _fields(4)

    @classmethod
    def names(cls) -> Iterator[str]:
        """Its fields of the channels after the first, in order."""
        for place in cls.PLACES:
            yield f"channel_{place}"
            yield from (f"{part}_{place}" for part in PARTS)

    @classmethod
    def conditions(cls) -> dict[str, str]:
        """When the fields are shown, by the channels that are chosen."""
        found: dict[str, str] = {}
        for place in cls.PLACES:
            found[f"template_{place}"] = whatsapp = chosen(place, "=== 'whatsapp'")
            found[f"variables_{place}"] = f"{whatsapp} && template_{place}"
            found[f"subject_{place}"] = titled(place)
            found[f"html_{place}"] = chosen(place, "=== 'email'")
            found[f"body_{place}"] = f"{chosen(place)} && {has_body(f'_{place}')}"
            if place > 2:
                found[f"channel_{place}"] = chosen(place - 1)
        return found

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place, row in enumerate(self.instance.fallbacks, 2):
            for name in ("channel", *PARTS):
                if name in row:
                    self.initial[f"{name}_{place}"] = row[name]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        first = contents.tidy(_content(said, ""))
        others = [contents.tidy(_content(said, f"_{place}")) for place in self.PLACES if said.get(f"channel_{place}")]
        said.update({name: value for name, value in asdict(first).items() if name in said})
        self.instance.fallbacks = [_row(content) for content in others]
        if "buttons" in said:
            said["buttons"] = contents.with_replies(said["buttons"], [first, *others])
        return said


def _content(said: dict[str, Any], suffix: str) -> ChannelContent:
    texts = {name: said.get(f"{name}{suffix}") or "" for name in ("channel", "subject", "body", "html", "template")}
    return ChannelContent(**texts, variables=said.get(f"variables{suffix}") or {})


def _row(content: ChannelContent) -> dict[str, Any]:
    """A channel as the step keeps it: what only some have is left out where it is empty."""
    said = asdict(content)
    return {name: value for name, value in said.items() if value or name in ("channel", "subject", "body")}
