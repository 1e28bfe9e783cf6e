"""What the forms of messages share: topic, texts, template, buttons."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from loyalty.admin.fields import OpenChoiceField
from messaging.admin.buttons import ButtonsField
from messaging.admin.palette import PaletteInput, PaletteTextarea
from messaging.admin.template_fields import TemplateField, VariablesField
from messaging.models import Topic


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

    template = TemplateField()
    variables = VariablesField()
    buttons = ButtonsField()

    class Meta:
        widgets = {
            "subject": PaletteInput,
            "body": PaletteTextarea(attrs={"rows": 9}),
            "html": PaletteTextarea(attrs={"rows": 12}),
        }
