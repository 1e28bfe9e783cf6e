"""What a form holds of a message, made into what its channel can say (semantics §22, §25)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from messaging.buttons import MAX_BUTTONS, Kind
from messaging.models import TITLED, Channel, ChannelContent, WhatsAppTemplate
from messaging.services import whatsapp_templates


def tidy(content: ChannelContent) -> ChannelContent:
    """Only what the channel has; in WhatsApp the words of a known template, its variables in their gaps.

    At most one query.
    """
    if content.channel != Channel.EMAIL:
        content = replace(content, subject=content.subject if content.channel in TITLED else "", html="")
    if content.channel != Channel.WHATSAPP or not content.template:
        return replace(content, template="", variables={})
    known = WhatsAppTemplate.objects.filter(sid=content.template).first()
    if known is None:
        return content
    said = {name: content.variables.get(name, "") for name in known.variables}
    return replace(content, body=whatsapp_templates.words(known, said), variables=said)


def with_replies(buttons: Sequence[dict[str, str]], contents: Iterable[ChannelContent]) -> list[dict[str, str]]:
    """The buttons, and those quick replies of the templates that are not among them: they can be pressed anyway."""
    found = [*buttons]
    seen = {row["text"].casefold() for row in found}
    for text in _replies(contents):
        if text.casefold() not in seen and len(found) < MAX_BUTTONS:
            seen.add(text.casefold())
            found.append({"text": text, "kind": Kind.REPLY.value})
    return found


def not_in_template(buttons: Iterable[Mapping[str, str]], content: ChannelContent) -> list[str]:
    """Buttons that a template lacks, so that WhatsApp does not show them."""
    if not content.template:
        return []
    there = {text.casefold() for text in _replies([content])}
    return [row["text"] for row in buttons if row["kind"] == Kind.LINK or row["text"].casefold() not in there]


def _replies(contents: Iterable[ChannelContent]) -> list[str]:
    sids = [content.template for content in contents if content.template]
    found = WhatsAppTemplate.objects.in_bulk(sids, field_name="sid") if sids else {}
    return [str(text) for sid in sids if sid in found for text in found[sid].replies]
