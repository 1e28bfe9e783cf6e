"""What became of messages, as events of the stream (docs/events.md): once a message and deed, of clicks once a link."""

from datetime import datetime

from loyalty.intake.facts import Fact
from messaging.models import Message

DELIVERED, OPENED = "message.delivered", "message.opened"
CLICKED, REPLIED = "message.clicked", "message.replied"
FAILED = "message.failed"
UNSUBSCRIBED, SUBSCRIBED = "message.unsubscribed", "message.subscribed"
CONFIRMATION_REQUESTED, CONFIRMATION_GIVEN = "confirmation.requested", "confirmation.given"

# The columns of a message that its events tell.
TOLD = ("id", "client_id", "scenario_id", "step_key", "channel", "topic")


def fact(message: Message, name: str, at: datetime, detail: str = "", depth: int = 0, **said: object) -> Fact:
    """One event of a message. `detail` tells apart what may happen to one message more than once.

    `depth` is 0 where a person did it, which ends a chain of scenarios (semantics §18).
    """
    key = f"{name}:{message.pk}:{detail}" if detail else f"{name}:{message.pk}"
    return Fact(key[:200], name, at, payload=_payload(message) | said, depth=depth)


def word(key: str, name: str, at: datetime, channel: str, topic: str, message: Message | None) -> Fact:
    """A client's word on a channel and topic, which a message may have led to."""
    said = _payload(message) if message else {}
    return Fact(key[:200], name, at, payload=said | {"channel": channel, "topic": topic})


def _payload(message: Message) -> dict[str, object]:
    return {
        "message": message.pk,
        "scenario": message.scenario_id,
        "step": message.step_key,
        "channel": message.channel,
        "topic": message.topic,
    }
