"""Telling people from machines: link scanners, previews, privacy proxies (semantics §26).

What a request shows is judged at once; what only several requests show together, when they are counted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import crawleruseragents

from messaging.models import Touch

Who = Touch.Who

# Nobody receives, reads and clicks in this time after the sending began.
INSTANT = timedelta(seconds=2)
# A scanner follows the links of a message one after another, soon after it came.
FRESH = timedelta(minutes=2)
SWEEP = timedelta(seconds=3)

# They fetch pictures for their readers: Gmail, Yahoo, and Apple, whose proxy says no more than this.
# And whatever a mail service has told from a person's.
_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy|^Mozilla/5\.0$|^privacy-proxy$")
# Mail gateways that the list of crawlers does not know.
_SCANNERS = re.compile(
    r"barracuda|proofpoint|mimecast|messagelabs|symantec|safelinks|sophos|trend ?micro|forcepoint|fireeye|cisco"
    r"|avanan|cloudmark|urldefense|virustotal|kaspersky|drweb|headless|phantomjs|scanner",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a request for a link or a picture shows."""

    method: str
    agent: str
    # Sec-Purpose, Purpose, X-Moz or X-Purpose: a browser says that nobody asked for the page yet.
    purpose: str = ""


def who_asks(request: Request) -> Who:
    """Whose request it is, as far as it alone tells."""
    if request.method == "HEAD" or "prefetch" in request.purpose or "preview" in request.purpose:
        return Who.MACHINE
    return _known(request.agent[:500])


@lru_cache(maxsize=10_000)
def _known(agent: str) -> Who:
    if _PROXIES.search(agent):
        return Who.PROXY
    if not agent or _SCANNERS.search(agent) or crawleruseragents.is_crawler(agent):
        return Who.MACHINE
    return Who.PERSON


@dataclass(frozen=True, slots=True)
class Asked:
    """One touch of a message; no link: the picture."""

    link_id: int | None
    at: datetime
    who: str


def judged(touches: Sequence[Asked], sent_at: datetime | None) -> list[str]:
    """Whose the touches of one message are, in order: what seemed a person's may be a scanner's."""
    if sent_at is None:
        return [touch.who for touch in touches]
    return [_judged(touch, touches, sent_at) for touch in touches]


def _judged(touch: Asked, touches: Sequence[Asked], sent_at: datetime) -> str:
    age = touch.at - sent_at
    if touch.who != Who.PERSON or age >= FRESH:
        return touch.who
    swept = touch.link_id is not None and any(
        other.link_id not in (None, touch.link_id) and abs(other.at - touch.at) <= SWEEP for other in touches
    )
    return Who.MACHINE if age < INSTANT or swept else Who.PERSON
