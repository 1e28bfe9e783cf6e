"""How the buttons of a message travel: as buttons where the channel has them, as personal links elsewhere (§28)."""

import re
from collections.abc import Mapping, Sequence
from html import escape

from django.conf import settings

from messaging import tokens
from messaging.buttons import Button, Kind
from messaging.models import Channel
from messaging.tokens import Purpose

# The channels whose buttons are their own: what such a message needs is in its `extras`.
NATIVE = frozenset({Channel.TELEGRAM, Channel.VK})
# What is tapped as a whole: it opens the first button, and an address in its text could not be opened.
TAPPED = frozenset({Channel.PUSH, Channel.WEBPUSH})

_END = re.compile(r"</body\s*>", re.IGNORECASE)
_STYLE = (
    "display:inline-block;margin:4px;padding:12px 20px;border-radius:8px;background:#4f46e5;color:#ffffff;"
    "font-family:Arial,sans-serif;font-size:16px;text-decoration:none"
)

Row = dict[str, object]


def rows(message_id: int, buttons: Sequence[Button]) -> list[Row]:
    """The buttons as the message's `extras` keep them.

    `text` with `url` or `data` is what a channel shows and what comes back of it; the rest is what pressing does.
    """
    return [_row(message_id, number, button) for number, button in enumerate(buttons)]


def _row(message_id: int, number: int, button: Button) -> Row:
    token = tokens.sign(Purpose.BUTTON, message_id, number)
    if button.kind == Kind.LINK:
        return {"text": button.text, "kind": button.kind, "url": address(token), "to": button.url}
    row: Row = {"text": button.text, "kind": button.kind, "data": token}
    if button.segment_id is not None:
        row["segment"] = button.segment_id
    if button.thanks:
        row["thanks"] = button.thanks
    return row


def address(token: str) -> str:
    """Where a button leads whose channel has no buttons."""
    return f"{settings.PUBLIC_URL}/b/{token}"


def native(channel: str, extras: Mapping[str, object]) -> bool:
    """Whether the message has real buttons: WhatsApp has them as the quick replies of an approved template."""
    return channel in NATIVE or (channel == Channel.WHATSAPP and bool(extras.get("content")))


def in_text(channel: str, body: str, found: Sequence[Row], extras: Mapping[str, object] | None = None) -> str:
    """The text with its buttons as links below, where the message has no buttons of its own."""
    if not found or channel in TAPPED or native(channel, extras or {}):
        return body
    return "\n\n".join((body.rstrip(), "\n".join(f"{row['text']}: {_address(row)}" for row in found)))


def in_extras(channel: str, found: Sequence[Row]) -> dict[str, object]:
    """What a message keeps of its buttons: what pressing them does, and where a tap on a push leads."""
    if not found:
        return {}
    return {"buttons": found} | ({"url": _address(found[0])} if channel in TAPPED else {})


def in_html(html: str, found: Sequence[Row]) -> str:
    """The HTML of an e-mail with its buttons at the end; none where there is no HTML."""
    if not found or not html:
        return html
    links = "".join(
        f'<a href="{escape(_address(row))}" style="{_STYLE}">{escape(str(row["text"]))}</a>' for row in found
    )
    shown = f'<div style="text-align:center;padding:16px 8px">{links}</div>'
    ends = list(_END.finditer(html))
    return f"{html[: ends[-1].start()]}{shown}{html[ends[-1].start() :]}" if ends else html + shown


def _address(row: Row) -> str:
    return str(row.get("url") or address(str(row["data"])))
