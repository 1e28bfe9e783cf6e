"""What a message gets before it is logged: counted links, the picture that tells an open (semantics §26)."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape, unescape
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings

from loyalty.services import programme
from messaging import tokens
from messaging.services import links
from messaging.services.links import Place
from messaging.tokens import Purpose

MAX_URL = 2000  # characters; a longer one is left as it is
# Pages of this platform count for themselves, and a way out must not depend on anything.
_OWN = re.compile(r"/(?:u|r|o|b|c|join|ref|profile|survey|static|admin)/")
# In a plain text an address ends before a space, a bracket or a quotation mark, and before the stop of a sentence.
_IN_TEXT = re.compile(r"""https?://[^\s<>"'«»“”()\[\]{}|\\^`]*[^\s<>"'«»“”()\[\]{}|\\^`.,:;!?…]""", re.IGNORECASE)
# Any element that is followed by a click, Outlook's too; a style sheet is not.
_IN_HTML = re.compile(r"""(<(?!link\b)[a-z][\w:]*\s(?:[^>]*?\s)?href\s*=\s*)(["'])(https?://.*?)\2""", re.I | re.S)
_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """What is sent, before and after: a plain text and, for e-mail, the same with formatting."""

    scenario_id: int | None
    step_key: str
    channel: str
    topic: str
    body: str
    html: str = ""


def dress(texts: Mapping[int, Text], now: datetime) -> dict[int, tuple[str, str]]:
    """Body and HTML of messages to clients, by message id, as they are to be sent.

    No messages, no query; else at most three, however many. Messages to staff are not for this: they are about a
    client who does not read them.
    """
    if not texts:
        return {}
    rules = programme.current()
    tag = {message_id: _tagger(rules.utm, text) for message_id, text in texts.items()}
    if rules.track_links:
        changed = _counted(texts, tag, now)
    else:
        changed = {key: _rewritten(text, tag[key]) for key, text in texts.items()}
    if rules.track_opens:
        changed = {key: (body, html and _with_picture(html, key)) for key, (body, html) in changed.items()}
    return changed


def example(text: Text) -> str:
    """The plain text with its links as long as they will be; nothing is stored. For a look at what is sent."""
    rules = programme.current()
    tag = _tagger(rules.utm, text)
    stand_in = links.address(10**8, 10**4)
    return _rewritten(text, lambda url: stand_in if rules.track_links else tag(url))[0]


def _counted(
    texts: Mapping[int, Text], tag: Mapping[int, Callable[[str], str]], now: datetime
) -> dict[int, tuple[str, str]]:
    places = {
        key: {url: Place(text.scenario_id or 0, text.step_key, tag[key](url)) for url in _urls(text)}
        for key, text in texts.items()
    }
    numbers = links.numbers({place for found in places.values() for place in found.values()}, now)
    return {
        key: _rewritten(text, lambda url, key=key: _counting(key, places[key].get(url), numbers, url))  # type: ignore[misc]
        for key, text in texts.items()
    }


def _counting(message_id: int, place: Place | None, numbers: Mapping[Place, int], url: str) -> str:
    return url if place is None else links.address(message_id, numbers[place])


def _urls(text: Text) -> Iterable[str]:
    """The addresses that are counted, as they stand."""
    found = {match[0] for match in _IN_TEXT.finditer(text.body)}
    found |= {unescape(match[3]) for match in _IN_HTML.finditer(text.html)}
    return (url for url in found if _foreign(url))


def _rewritten(text: Text, change: Callable[[str], str]) -> tuple[str, str]:
    def in_html(match: re.Match[str]) -> str:
        url = unescape(match[3])
        return f"{match[1]}{match[2]}{escape(change(url)) if _foreign(url) else match[3]}{match[2]}"

    body = _IN_TEXT.sub(lambda match: change(match[0]) if _foreign(match[0]) else match[0], text.body)
    return body, _IN_HTML.sub(in_html, text.html)


def _foreign(url: str) -> bool:
    own = url.startswith(settings.PUBLIC_URL) and _OWN.match(url, len(settings.PUBLIC_URL))
    return len(url) <= MAX_URL and not own


def _tagger(utm: str, text: Text) -> Callable[[str], str]:
    """Adds the programme's UTM tags to an address that has none."""
    if not utm:
        return lambda url: url
    tags = utm.format(
        channel=quote(text.channel),
        scenario=text.scenario_id or 0,
        step=quote(text.step_key),
        topic=quote(text.topic),
    )

    def tagged(url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        if "utm_" in parts.query:
            return url
        return urlunsplit(parts._replace(query=f"{parts.query}&{tags}" if parts.query else tags))

    return tagged


def _with_picture(html: str, message_id: int) -> str:
    address = f"{settings.PUBLIC_URL}/o/{tokens.sign(Purpose.OPEN, message_id)}.gif"
    picture = f'<img src="{address}" width="1" height="1" alt="" style="display:block;border:0">'
    ends: Sequence[re.Match[str]] = list(_END.finditer(html))
    return f"{html[: ends[-1].start()]}{picture}{html[ends[-1].start() :]}" if ends else html + picture
