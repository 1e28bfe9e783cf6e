"""The content of a message: columns shared by a scenario's step and, later, a chain's message."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Consent
from messaging import buttons

# The channels are those that consent is given for.
Channel = Consent.Channel


@dataclass(frozen=True, slots=True)
class ChannelContent:
    """The same content as said through one more channel."""

    channel: str
    subject: str
    body: str
    html: str = ""


class MessageContent(models.Model):
    """What a message says and through which channel. Text is Liquid (semantics §25)."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    topic = models.CharField(
        _("topic"),
        max_length=50,
        default="marketing",
        help_text=_("The client must have agreed to this topic on this channel; “service” needs no consent."),
    )
    subject = models.CharField(_("subject"), max_length=300, blank=True, help_text=_("For e-mail only."))
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

    buttons = models.JSONField(
        _("buttons"),
        default=list,
        blank=True,
        validators=[buttons.check],
        help_text=_("In Telegram and VK they are real buttons; elsewhere each is a personal link."),
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        wrong: dict[str, object] = {}
        if self.channel == Channel.EMAIL and not self.subject:
            wrong["subject"] = _("An e-mail needs a subject.")
        if not self.body and not (self.channel == Channel.EMAIL and self.html):
            wrong["body"] = _("What does the message say?")
        if wrong:
            raise ValidationError(wrong)
