"""Pressing a button of a message (semantics §28): once a message and button, whichever way it came back."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty.services import stream
from messaging import tokens
from messaging.buttons import Kind
from messaging.models import Message
from messaging.services import deeds, tracking
from messaging.tokens import Purpose
from segments.models import Segment
from segments.services import membership

log = logging.getLogger(__name__)

# Messages of one client that are looked through for the button that a typed answer means.
LOOKED_THROUGH = 20


class NoButton(Exception):
    """There is no such button any more: the message is gone from the log, or never had it."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of a pressing. `first`: it had not been pressed before."""

    text: str
    thanks: str
    first: bool


def read(token: str) -> tuple[int, int]:
    """Message and number of the button that a token names. Raises tokens.Forged."""
    said = tokens.read(Purpose.BUTTON, token)
    if len(said) != 2:
        raise tokens.Forged
    return said[0], said[1]


def button(message_id: int, number: int) -> tuple[Message, Mapping[str, Any]]:
    """The message and its button. Raises NoButton."""
    message = Message.objects.select_related("client").defer("body", "subject").filter(pk=message_id).first()
    found = message.extras.get("buttons", ()) if message else ()
    if message is None or number >= len(found):
        raise NoButton
    return message, found[number]


def press(message_id: int, number: int, at: datetime, now: datetime) -> Pressed:
    """The client pressed a button at `at`: the event `message.replied` follows, and the segment where it has one.

    Once a message and button; a link is followed, not pressed. Raises NoButton.
    """
    message, row = button(message_id, number)
    if row["kind"] == Kind.LINK:
        raise NoButton
    pressed = Pressed(row["text"], row.get("thanks", ""), first=False)
    if message.test or message.client_id is None:
        return pressed
    reply = deeds.fact(message, deeds.REPLIED, at, f"button{number}", button=row["text"], text=row["text"])
    with transaction.atomic():
        if not stream.append(stream.platform(), [reply], [message.client_id], now):
            return pressed
        if row["kind"] == Kind.SEGMENT:
            _join(row.get("segment"), message.client_id, now)
    return Pressed(pressed.text, pressed.thanks, first=True)


def _join(segment_id: int | None, client_id: int, now: datetime) -> None:
    """Adds the client, unless the segment is gone or is filled by a rule since: the reply itself counts."""
    if segment_id is None or not Segment.objects.filter(pk=segment_id, kind=Segment.Kind.STATIC).exists():
        log.warning("the segment of a button takes nobody in", extra={"segment": segment_id})
        return
    membership.add(segment_id, {client_id: 0}, now)


def press_by_words(client_id: int, channel: str, words: str, at: datetime, now: datetime) -> Pressed | None:
    """The client answered with the very words of a button, of the newest message on this channel that has it.

    Quick replies of WhatsApp come back so, and so does whoever types what the button says. None: no such button.
    """
    said = " ".join(words.split()).casefold()
    recent = Message.objects.filter(client=client_id, channel=channel, test=False).order_by("-pk")
    for message in recent.only("pk", "extras")[:LOOKED_THROUGH]:
        for number, row in enumerate(message.extras.get("buttons", ())):
            if row["kind"] != Kind.LINK and " ".join(row["text"].split()).casefold() == said:
                return press(message.pk, number, at, now)
    return None


def destination(message_id: int, number: int, now: datetime) -> str:
    """Where a button that is a link leads: the link counted as those of texts are. Raises NoButton."""
    message, row = button(message_id, number)
    if row["kind"] != Kind.LINK:
        raise NoButton
    if message.test or message.client_id is None:
        return str(row["to"])
    text = tracking.Text(message.scenario_id, message.step_key, message.channel, message.topic, row["to"])
    return tracking.dress({message.pk: text}, now)[message.pk][0]
