"""Designs to begin an e-mail with: ready ones in both languages, and those that staff have kept (semantics §25)."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel, ChannelContent, Design
from messaging.services import preview, wordings
from messaging.services.render import RenderError, TemplateError

_FILES = Path(__file__).resolve().parent.parent / "designs"
LANGUAGES = ("ru", "en")
# Names and subjects of the ready ones; the files bear the texts.
READY: dict[str, tuple[Promise, Promise]] = {
    "welcome": (_("Welcome"), _("Welcome to our loyalty programme")),
    "cart": (_("Forgotten cart"), _("Your cart is waiting for you")),
    "bonuses": (_("Bonuses"), _("Your bonuses")),
    "letter": (_("Plain letter"), _("A few words for you")),
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A design to choose. `thumbnail` is the HTML that somebody would get; empty where it cannot be made."""

    name: str
    subject: str
    body: str
    thumbnail: str
    own: bool


def offered(now: datetime) -> list[Offered]:
    """Those of the staff, then the ready ones in the current language."""
    own = [(design.name, design.subject, design.body, True) for design in Design.objects.all()]
    ready = [(str(name), str(subject), text(slug), False) for slug, (name, subject) in READY.items()]
    return [
        Offered(name, subject, body, thumbnail(body, now), of_staff) for name, subject, body, of_staff in own + ready
    ]


def text(slug: str, language: str | None = None) -> str:
    """The text of a ready design; in English where the language is another."""
    asked = (language or get_language() or "")[:2]
    return _read(asked if asked in LANGUAGES else "en", slug)


@lru_cache(maxsize=16)
def _read(language: str, slug: str) -> str:
    return (_FILES / language / f"{slug}.mjml").read_text()


def thumbnail(body: str, now: datetime) -> str:
    """The design as an example client would get it; empty where it cannot be made."""
    content = ChannelContent(Channel.EMAIL, "", "", body)
    try:
        return "" if wordings.wrong(content) else preview.write(content, [], None, now).said.html
    except (TemplateError, RenderError):
        return ""
