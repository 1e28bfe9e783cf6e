"""Buttons under a message: a link, a reply, or a reply that also adds the client to a segment (semantics §28). Pure.

A button is a small document, so that a message holds any number of them in one column:
`{"text": "Yes", "kind": "segment", "segment": "tea-lovers", "thanks": "We will call you."}`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

MAX_BUTTONS = 6
MAX_TEXT = 40  # symbols: VK takes no more


class Kind(TextChoices):
    """What pressing a button does."""

    LINK = "link", _("opens a link")
    REPLY = "reply", _("is a reply")
    SEGMENT = "segment", _("is a reply and adds to a segment")


PARTS = ("text", "kind", "url", "segment", "thanks")


@dataclass(frozen=True, slots=True)
class Button:
    """A button of one client's message, with its variables filled in."""

    text: str
    kind: str
    url: str = ""
    segment_id: int | None = None
    # What whoever has pressed it reads; empty: the usual words.
    thanks: str = ""


def check(said: Any) -> None:
    """Refuses what is no list of buttons. Raises ValidationError in the current language."""
    if not isinstance(said, list) or len(said) > MAX_BUTTONS:
        raise ValidationError(_("Give a list of at most %(n)d buttons.") % {"n": MAX_BUTTONS})
    seen: set[str] = set()
    for row in said:
        known = isinstance(row, dict) and all(part in PARTS and isinstance(value, str) for part, value in row.items())
        if not known or row.get("kind") not in Kind.values:
            raise ValidationError(_("A button needs a text and what it does."))
        text = row.get("text", "").strip()
        if not text:
            raise ValidationError(_("Every button needs a text."))
        words = {"button": text, "n": MAX_TEXT}
        if len(text) > MAX_TEXT and "{" not in text:
            raise ValidationError(t("«%(button)s»: longer than %(n)d symbols.") % words)
        if text.casefold() in seen:
            # A reply that is typed rather than pressed is known by its words.
            raise ValidationError(t("«%(button)s»: two buttons say the same.") % words)
        seen.add(text.casefold())
        url = row.get("url", "")
        if row["kind"] == Kind.LINK and not url.startswith(("https://", "http://", "{{")):
            raise ValidationError(t("«%(button)s»: give the address that it opens, https://…") % words)
        if row["kind"] == Kind.SEGMENT and not row.get("segment"):
            raise ValidationError(t("«%(button)s»: choose the segment.") % words)


def templates(said: Sequence[dict[str, str]]) -> list[str]:
    """The Liquid texts of buttons: what they say and where they lead."""
    return [text for row in said for text in (row["text"], row.get("url", "")) if text]
