"""A message's texts together: subject, plain text, and for e-mail the formatted form (semantics §25)."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as t

from messaging.models import TITLED, Channel, ChannelContent, MessageContent
from messaging.models.content import check_variables
from messaging.services import letter, render, whatsapp_templates
from messaging.services.manner import Manner
from messaging.services.render import RenderError, Text


class Said(NamedTuple):
    """A message as one client gets it; `html` is empty where it has no formatted form.

    `extras` is what only its channel has: the template of WhatsApp with its variables.
    """

    subject: str
    body: str
    html: str
    extras: Mapping[str, object] = {}


class Texts(NamedTuple):
    """The parsed texts of a message."""

    subject: Text
    body: Text
    html: Text | None
    template: str = ""
    variables: Mapping[str, Text] = {}

    @property
    def names(self) -> frozenset[str]:
        """The top-level variables that the texts read."""
        texts = (self.subject, self.body, *([self.html] if self.html else []), *self.variables.values())
        return frozenset[str]().union(*(text.names for text in texts))

    def render(self, values: Mapping[str, object], manner: Manner | None) -> Said:
        """The message for one client. Raises RenderError."""
        return Said(
            self.subject.render(values, manner),
            self.body.render(values, manner),
            self.html.render(values, manner) if self.html else "",
            {"content": self.template, "variables": self._filled(values, manner)} if self.template else {},
        )

    def _filled(self, values: Mapping[str, object], manner: Manner | None) -> dict[str, str]:
        """The variables of the template. WhatsApp takes no empty ones, no line breaks and no runs of spaces."""
        filled = {name: " ".join(text.render(values, manner).split()) for name, text in self.variables.items()}
        if empty := [name for name, value in filled.items() if not value]:
            raise RenderError(t("the template's variable «%(name)s» is empty") % {"name": empty[0]})
        return filled


def compiled(content: MessageContent | ChannelContent) -> Texts:
    """The texts that the channel sends. Raises TemplateError."""
    if content.channel == Channel.WHATSAPP and content.template:
        variables = {name: render.compiled(source) for name, source in content.variables.items()}
        return Texts(render.compiled(""), render.compiled(content.body), None, content.template, variables)
    if content.channel != Channel.EMAIL:
        return Texts(
            render.compiled(content.subject if content.channel in TITLED else ""), render.compiled(content.body), None
        )
    html = letter.compiled(content.html) if content.html else ""
    body = content.body or letter.twin(html)
    return Texts(render.compiled(content.subject), render.compiled(body), render.compiled(html, True) if html else None)


def sources(content: MessageContent | ChannelContent) -> Collection[str]:
    """The templates as their author wrote them."""
    return (content.subject, content.body, content.html, *content.variables.values())


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
    if variables := list(_wrong_variables(content)):
        found["variables"] = "\n".join(variables)
    return found


def _wrong_variables(content: MessageContent | ChannelContent) -> Iterator[str]:
    try:
        check_variables(content.variables)
    except ValidationError:
        return  # the field's own check says it
    for name, source in content.variables.items():
        try:
            render.check(source)
        except render.TemplateError as error:
            yield f"{name}: {error}"
    if content.template and content.channel == Channel.WHATSAPP:
        if lacking := whatsapp_templates.missing(content.template, content.variables):
            yield lacking
