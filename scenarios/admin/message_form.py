"""The form of a message: its channels in order (semantics §22)."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from messaging.admin.fields import MessageForm, PaletteInput, PaletteTextarea
from messaging.models import Channel
from scenarios.steps.send_message import MAX_CHANNELS


def chosen(place: int, what: str = "!== ''") -> str:
    """When a field is shown: by the channel at a place. A reader's form has no fields to look at."""
    return f"typeof channel_{place} !== 'undefined' && channel_{place} {what}"


def _channel(place: int) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=format_lazy("{}. {}", place, capfirst(_("channel"))),
        choices=[("", "—"), *Channel.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


def _subject() -> forms.CharField:
    return forms.CharField(label=capfirst(_("subject")), required=False, max_length=300, widget=PaletteInput)


def _body() -> forms.CharField:
    return forms.CharField(label=capfirst(_("text")), required=False, widget=PaletteTextarea(attrs={"rows": 5}))


class SendMessageForm(MessageForm):
    """The channels after the first are chosen one below the other, each with a text of its own."""

    PLACES = range(2, MAX_CHANNELS + 1)

    channel_2, subject_2, body_2 = _channel(2), _subject(), _body()
    channel_3, subject_3, body_3 = _channel(3), _subject(), _body()
    channel_4, subject_4, body_4 = _channel(4), _subject(), _body()

    @classmethod
    def names(cls) -> Iterator[str]:
        """Its fields of the channels after the first, in order."""
        for place in cls.PLACES:
            yield from (f"channel_{place}", f"subject_{place}", f"body_{place}")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place, row in enumerate(self.instance.fallbacks, 2):
            for name in ("channel", "subject", "body"):
                self.initial[f"{name}_{place}"] = row.get(name, "")

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        rows = [
            {name: said.get(f"{name}_{place}") or "" for name in ("channel", "subject", "body")}
            for place in self.PLACES
            if said.get(f"channel_{place}")
        ]
        self.instance.fallbacks = [row if row["channel"] == Channel.EMAIL else row | {"subject": ""} for row in rows]
        return said
