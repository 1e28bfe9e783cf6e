"""The content of a message: columns shared by a scenario's step and, later, a chain's message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Consent
from messaging import buttons
from messaging.models.whatsapp_template import SID

# The channels are those that consent is given for.
Channel = Consent.Channel
# Channels whose messages have a line above the text.
TITLED = frozenset({Channel.EMAIL, Channel.PUSH, Channel.WEBPUSH})


@dataclass(frozen=True, slots=True)
class ChannelContent:
    """The same content as said through one more channel."""

    channel: str
    subject: str
    body: str
    html: str = ""
    # Of WhatsApp: the SID of an approved template, and the Liquid text of each of its variables.
    template: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


MAX_VARIABLES = 20


def check_variables(said: Any) -> None:
    """Refuses what are no variables of a template. Raises ValidationError in the current language."""
    right = isinstance(said, dict) and all(isinstance(part, str) for pair in said.items() for part in pair)
    if not right or len(said) > MAX_VARIABLES:
        raise ValidationError(_("Give at most %(n)d variables, each with its text.") % {"n": MAX_VARIABLES})


class MessageContent(models.Model):
    """What a message says and through which channel. Text is Liquid (semantics §25)."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    topic = models.CharField(
        _("topic"),
        max_length=50,
        default="marketing",
        help_text=_("The client must have agreed to this topic on this channel; “service” needs no consent."),
    )
    subject = models.CharField(
        _("subject"), max_length=300, blank=True, help_text=_("Of an e-mail; the title of a push.")
    )
    body = models.TextField(
        _("text"),
        blank=True,
        help_text=_('Variables: {{ client.first_name | default: "friend" }}, {{ bonus.available }}, …'),
    )

    html = models.TextField(
        _("formatted text"),
        blank=True,
        help_text=_(
            "MJML or HTML, for e-mail. The text above is then what readers without formatting see; empty, it is made"
            " of this one."
        ),
    )

    template = models.CharField(_("template"), max_length=34, blank=True, help_text=_("Approved by WhatsApp."))
    variables = models.JSONField(_("variables of the template"), default=dict, blank=True, validators=[check_variables])

    buttons = models.JSONField(
        _("buttons"),
        default=list,
        blank=True,
        validators=[buttons.check],
        help_text=_("In Telegram, VK and WhatsApp templates they are real buttons; elsewhere each is a personal link."),
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        wrong: dict[str, object] = {}
        if self.channel == Channel.EMAIL and not self.subject:
            wrong["subject"] = _("An e-mail needs a subject.")
        if self.channel == Channel.WHATSAPP and self.template and not re.fullmatch(SID, self.template):
            wrong["template"] = _("The SID of a template is HX and 32 characters.")
        elsewhere = self.html if self.channel == Channel.EMAIL else self.channel == Channel.WHATSAPP and self.template
        if not self.body and not elsewhere:
            wrong["body"] = _("What does the message say?")
        if wrong:
            raise ValidationError(wrong)
