"""What every channel is, and what a provider can answer."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from messaging.models import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one call to a provider (semantics §21)."""

    class Kind(Enum):
        ACCEPTED = auto()
        # Permanently refused: trying again is useless.
        REFUSED = auto()
        # Not taken for the moment, certainly not sent: trying again is right.
        LATER = auto()
        # Nobody knows: the connection broke after the message had gone out.
        UNKNOWN = auto()

    kind: Kind
    provider_id: str = ""
    error: str = ""
    retry_after: timedelta | None = None
    # The address itself is bad: nothing must be sent to it again.
    suppress: bool = False
    # It is the account that shall wait for `retry_after`, not this message alone.
    account_waits: bool = False
    # Of UNKNOWN: asking the provider tells no more.
    final: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What a provider has for an address since a message was claimed: ids, the oldest first."""

    # Those that say what the message says, and those that say something else: a template renders by itself.
    same: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Channel:
    """One way out, through one account. `send` must not raise: whatever happens is an `Answer`."""

    # Whether it writes to our own database, so that the message is delivered by the transaction of its status.
    transactional = False
    # Whether `find` can tell what became of a message: then a call without an answer is asked about, not given up.
    askable = False

    async def send(self, message: Message) -> Answer:
        """Hands one message to the provider. Runs beside hundreds of others on one loop: it must not block."""
        raise TypeError(f"{type(self).__name__} sends nothing")

    def store(self, message: Message) -> Answer:
        """Delivers one message within the caller's transaction; of transactional channels alone."""
        raise TypeError(f"{type(self).__name__} stores nothing")

    def stored(self, message: Message) -> bool | None:
        """Whether our own database holds the message; of transactional channels alone."""
        return None

    async def find(self, message: Message) -> Answer | Listed:
        """What the provider says of a message whose outcome nobody knows.

        What it has for the address, where it lists that; LATER where the message may be sent again. UNKNOWN of an
        askable channel: there was no answer, ask again later.
        """
        return unknown("nobody can be asked")


def accepted(provider_id: str = "") -> Answer:
    """The provider took it."""
    return Answer(Answer.Kind.ACCEPTED, provider_id)


def refused(error: str, suppress: bool = False) -> Answer:
    """Trying again is useless."""
    return Answer(Answer.Kind.REFUSED, error=error, suppress=suppress)


def later(error: str, retry_after: timedelta | None = None, account_waits: bool = False) -> Answer:
    """Certainly not sent."""
    return Answer(Answer.Kind.LATER, error=error, retry_after=retry_after, account_waits=account_waits)


def unknown(error: str, final: bool = False) -> Answer:
    """It went out, and nobody knows what became of it."""
    return Answer(Answer.Kind.UNKNOWN, error=error, final=final)
