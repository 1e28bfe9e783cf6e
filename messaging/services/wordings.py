"""A message's texts together: subject, plain text, and for e-mail the formatted form (semantics §25)."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from messaging.models import Channel, ChannelContent, MessageContent
from messaging.services import letter, render
from messaging.services.manner import Manner
from messaging.services.render import Text


class Said(NamedTuple):
    """A message as one client gets it; `html` is empty where it has no formatted form."""

    subject: str
    body: str
    html: str


class Texts(NamedTuple):
    """The parsed texts of a message."""

    subject: Text
    body: Text
    html: Text | None

    @property
    def names(self) -> frozenset[str]:
        """The top-level variables that the texts read."""
        return self.subject.names | self.body.names | (self.html.names if self.html else frozenset())

    def render(self, values: Mapping[str, object], manner: Manner | None) -> Said:
        """The message for one client. Raises RenderError."""
        return Said(
            self.subject.render(values, manner),
            self.body.render(values, manner),
            self.html.render(values, manner) if self.html else "",
        )


def compiled(content: MessageContent | ChannelContent) -> Texts:
    """The texts that the channel sends. Raises TemplateError."""
    if content.channel != Channel.EMAIL:
        return Texts(render.compiled(""), render.compiled(content.body), None)
    html = letter.compiled(content.html) if content.html else ""
    body = content.body or letter.twin(html)
    return Texts(render.compiled(content.subject), render.compiled(body), render.compiled(html, True) if html else None)


def sources(content: MessageContent | ChannelContent) -> Collection[str]:
    """The templates as their author wrote them."""
    return (content.subject, content.body, content.html)


def wrong(content: MessageContent | ChannelContent) -> dict[str, str]:
    """By field, what forbids using the texts, with lines and columns."""
    found: dict[str, str] = {}
    for field in ("subject", "body", "html"):
        source = getattr(content, field)
        try:
            render.check(source, html=field == "html")
            if field == "html" and source:
                render.compiled(letter.compiled(source), html=True)
        except render.TemplateError as error:
            found[field] = str(error)
    return found
