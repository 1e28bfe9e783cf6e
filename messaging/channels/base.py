"""What every channel is, and what a provider can answer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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


class Channel:
    """One way out. `send` must not raise: whatever happens is an `Answer`."""

    # How many calls are in flight at the same time; also how many a crash can leave unknown.
    concurrency = 16
    # Whether `send` writes to our own database, and so commits or vanishes with the status.
    transactional = False

    def send(self, message: Message) -> Answer:
        """Hands one message to the provider."""
        raise TypeError(f"{type(self).__name__} sends nothing")

    def send_many(self, messages: Sequence[Message]) -> list[Answer]:
        """Hands messages to the provider, all at the same time; answers in order."""
        with ThreadPoolExecutor(max_workers=max(1, len(messages))) as pool:
            return list(pool.map(self.send, messages))

    def was_sent(self, message: Message) -> bool | None:
        """Whether the provider has the message of a sender that died; None where it cannot be asked."""
        return None
