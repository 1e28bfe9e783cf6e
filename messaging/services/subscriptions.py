"""Unsubscribing and subscribing again by the client's own hand: a link, a button of a mail program, a word in an SMS.

Semantics §27: it acts at once, and what was said is kept with its evidence.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from loyalty.services import confirmations, consents, stream
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.models import BONUS_NOTICES, MARKETING, SERVICE, Channel, Message, Reason, Status
from messaging.services import deeds, rulebook
from messaging.services.rulebook import STAFF
from messaging.tokens import Purpose

# What the page says; a change of its words is a change of this.
PAGE_TEXT = "preferences-1"

NAMES = {MARKETING: _("News and offers"), BONUS_NOTICES: _("Notices of bonuses")}

# As whole messages, whatever their case and punctuation.
STOP_WORDS = frozenset(
    "stop stopall stopplease unsubscribe cancel end quit optout revoke стоп стоппожалуйста отписка отписаться отпишись"
    " отпишите отпишименя отпишитеменя отмена отказ хватит непишите непишитемне".split()
)
START_WORDS = frozenset("start unstop subscribe optin старт подписка подписаться подписать возобновить".split())


class Gone(Exception):
    """The client of a link is no longer there."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the page: a topic by a channel, and whether the client has agreed."""

    channel: str
    topic: str
    granted: bool
    # The topic as clients know it.
    name: str

    @property
    def key(self) -> str:
        """The name of its field."""
        return f"{self.channel}:{self.topic}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who came by a link, and from which message."""

    client: Client
    message: Message | None

    @property
    def pair(self) -> tuple[str, str] | None:
        """What the message was about; nothing where it could not be refused."""
        if self.message is None or self.message.topic in (SERVICE, STAFF):
            return None
        return self.message.channel, self.message.topic


def visitor(token: str) -> Visitor:
    """Whom a link is for. Raises tokens.Forged and Gone."""
    try:
        client_id, message_id = tokens.read(Purpose.PREFERENCES, token)
    except ValueError:
        raise tokens.Forged from None
    client = Client.objects.select_related("merged_into").filter(pk=client_id).first()
    if client is None:
        raise Gone
    found = Message.objects.filter(pk=message_id, client__isnull=False).only(*deeds.TOLD, "address").first()
    return Visitor(client.merged_into or client, found)


def choices(visitor: Visitor, now: datetime) -> list[Choice]:
    """What the client may choose: every topic that asks for consent, by the channels that were ever spoken of."""
    said, rules = consents.words(visitor.client.pk), rulebook.load(now)
    pairs = set(said) | ({visitor.pair} if visitor.pair else set()) | confirmations.waiting(visitor.client.pk)
    pairs |= {(channel, topic) for channel, _topic in pairs for topic in rules.topics}
    found = []
    for channel, topic in sorted(pairs):
        rule = rules.topic(topic)
        if not rule.free:
            agreed = said.get((channel, topic), rule.silence_agrees)
            found.append(Choice(channel, topic, agreed, topic_name(topic, rules)))
    return found


def topic_name(topic: str, rules: rulebook.Rulebook) -> str:
    """A topic as clients know it, in the current language."""
    rule = rules.topic(topic)
    return str(NAMES[topic]) if rule.name == topic and topic in NAMES else rule.name


def refuse(visitor: Visitor, evidence: Evidence, now: datetime) -> None:
    """Unsubscribes from what the message was about; without one, from marketing by e-mail."""
    change(visitor, {visitor.pair or (Channel.EMAIL, MARKETING): False}, evidence, now)


def change(visitor: Visitor, wanted: dict[tuple[str, str], bool], evidence: Evidence, now: datetime) -> None:
    """Writes what the client wants on each (channel, topic), tells events, takes back what still waits to be sent."""
    with transaction.atomic():
        for granted in (False, True):
            pairs = [pair for pair, wish in wanted.items() if wish is granted]
            changed = consents.say(visitor.client.pk, pairs, granted, evidence, now)
            _tell(visitor, changed, granted, now)
        for channel, topic in (pair for pair, wish in wanted.items() if not wish):
            waiting = Message.objects.filter(client=visitor.client, channel=channel, topic=topic, status=Status.QUEUED)
            waiting.update(status=Status.WITHHELD, reason=Reason.NO_CONSENT)


def said_in(channel: str, client_id: int, text: str, evidence: Evidence, now: datetime) -> bool | None:
    """Acts on STOP and START words of an SMS or the like; None where the text is neither.

    STOP ends every topic by this channel; START brings back marketing and every topic that had a word.
    """
    match word(text):
        case False:
            granted = False
        case True:
            granted = True
        case _:
            return None
    client = Client.objects.get(pk=client_id)
    pairs = {(channel, MARKETING)} | {pair for pair in consents.words(client_id) if pair[0] == channel}
    if not granted:
        pairs |= {pair for pair in confirmations.waiting(client_id) if pair[0] == channel}
    change(Visitor(client, None), dict.fromkeys(sorted(pairs), granted), evidence, now)
    return granted


def word(text: str) -> bool | None:
    """False: STOP; True: START; None: something else."""
    said = re.sub(r"[\W_]+", "", text.lower())
    return False if said in STOP_WORDS else True if said in START_WORDS else None


def _tell(visitor: Visitor, pairs: Collection[tuple[str, str]], granted: bool, now: datetime) -> None:
    name = deeds.SUBSCRIBED if granted else deeds.UNSUBSCRIBED
    facts = []
    for channel, topic in pairs:
        key = f"{name}:{visitor.client.pk}:{channel}:{topic}:{now.isoformat()}"
        about = visitor.message if (channel, topic) == visitor.pair else None
        facts.append(deeds.word(key, name, now, channel, topic, about))
    stream.append(stream.platform(), facts, [visitor.client.pk] * len(facts), now)
