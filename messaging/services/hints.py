"""What makes a message look like spam, or read badly: hints, never a refusal (semantics §25)."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as t

from messaging.models import BONUS_NOTICES, SERVICE, Channel
from messaging.services.wordings import Said

LONG_SUBJECT = 60  # characters: what a phone shows
LONG_SMS = 3  # parts
BIG_HTML = 100_000  # characters: Gmail cuts a letter of 102 kB off
SHORTENERS = re.compile(
    r"https?://(?:www\.)?"
    r"(?:bit\.ly|goo\.gl|tinyurl\.com|t\.co|ow\.ly|is\.gd|clck\.ru|vk\.cc|cutt\.ly|rb\.gy|u\.to)/",
    re.I,
)
_LETTERS = re.compile(r"[^\W\d_]+")
_TAGS = re.compile(r"<(?:style|head|title)\b.*?</(?:style|head|title)>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SHOUT = re.compile(r"[!?]{3,}|!.*!.*!", re.DOTALL)
_MONEY = re.compile(r"\b(?:free|100% free|act now|winner|бесплатно|срочно|выиграли|только сегодня)\b", re.IGNORECASE)


def hints(channel: str, topic: str, said: Said, parts: int) -> list[str]:
    """In the current language, what the author should look at again; nothing of it forbids sending."""
    if channel == Channel.EMAIL:
        return list(_of_email(topic, said))
    found = list(_of_text(said.body))
    if channel == Channel.SMS and parts >= LONG_SMS:
        found.append(t("The message takes %(n)d parts, and each is paid for.") % {"n": parts})
    return found


def _of_email(topic: str, said: Said) -> Iterator[str]:
    subject = said.subject.strip()
    if not subject:
        yield t("The subject is empty.")
    if len(subject) > LONG_SUBJECT:
        yield t("The subject has %(n)d characters; phones show about %(limit)d.") % {
            "n": len(subject), "limit": LONG_SUBJECT,
        }  # fmt: skip
    if _loud(subject):
        yield t("The subject is written in CAPITALS: it looks like spam.")
    if _SHOUT.search(subject):
        yield t("The subject has many exclamation marks: it looks like spam.")
    if _MONEY.search(subject):
        yield t("The subject has words that spam filters look for.")
    if topic not in (SERVICE, BONUS_NOTICES) and "/u/" not in said.html + said.body and not _way_out(said):
        yield t("A marketing e-mail without a visible way to unsubscribe is marked as spam more often.")
    if said.html:
        text = _TAGS.sub("", said.html)
        if "<img" in said.html.lower() and len(text.split()) < 10:
            yield t("Almost everything is a picture: readers that show none see nothing, and filters distrust it.")
        if re.search(r"<img(?![^>]*\balt\s*=)[^>]*>", said.html, re.IGNORECASE):
            yield t("A picture has no description (alt) for those who do not see it.")
        if len(said.html) > BIG_HTML:
            yield t("The e-mail is so long that Gmail cuts its end off.")
        if re.search(r"<(?:script|form|iframe|object|embed)\b", said.html, re.IGNORECASE):
            yield t("Scripts, forms and frames are removed by mail readers, and filters distrust them.")
    yield from _of_text(said.body + said.html)


def _of_text(text: str) -> Iterator[str]:
    # A trial at home has no name; what leads to ourselves is right as it is.
    text = text.replace(settings.PUBLIC_URL, "")
    if SHORTENERS.search(text):
        yield t("Links of shortening services are distrusted: use the real address.")
    if re.search(r"https?://\d+\.\d+\.\d+\.\d+", text):
        yield t("A link leads to a bare number instead of a name.")


def _way_out(said: Said) -> bool:
    return re.search(r"unsubscri|отписат|отписк", said.html + said.body, re.IGNORECASE) is not None


def _loud(text: str) -> bool:
    letters = "".join(word for word in _LETTERS.findall(text) if len(word) > 1)
    return len(letters) >= 8 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters)
