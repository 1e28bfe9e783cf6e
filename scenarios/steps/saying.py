"""One text through one channel, for a batch of runs: whom the policy lets it go to, and what it says to each."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from messaging.models import ChannelContent, MessageContent, Reason, Reserve
from messaging.services import policy, render, wordings
from messaging.services.button_texts import Keyboard
from messaging.services.policy import Ask, Stage
from messaging.services.rulebook import Rulebook
from scenarios.steps.outcomes import Batch, QueueMessage, RunView
from scenarios.steps.wording import Wording


def against(runs: Sequence[RunView]) -> dict[int, Reason]:
    """What the engine knows against runs already: whoever is claimed is active, and no exit or goal has come."""
    known = {run.id: Reason(f"holdout_{run.holdout}") for run in runs if run.holdout}
    return known | {run.id: Reason.OVERDUE for run in runs if run.stale}


class Saying:
    """What a channel says, and to whom. `known`: what stands against runs whatever the channel (`against`)."""

    def __init__(
        self,
        content: MessageContent | ChannelContent,
        keys: Keyboard,
        topic: str,
        batch: Batch,
        book: Rulebook,
        known: Mapping[int, Reason],
        now: datetime,
    ) -> None:
        self._channel = channel = content.channel
        self._topic, self._known = topic, known
        self._owed = book.topic(topic).exempt
        self._keys = keys
        self._texts = wordings.compiled(content)
        self._addresses = {run.id: batch.clients[run.client_id].address(channel) for run in batch.runs}
        asks = [
            Ask(run.id, run.client_id, channel, topic, self._addresses[run.id], batch.clients[run.client_id].zone)
            for run in batch.runs
        ]
        self._verdicts = policy.judge(asks, book, now, Stage.SAYING, known)
        said = [run for run in batch.runs if run.id not in self._verdicts or self._verdicts[run.id].until]
        self._words = Wording(self._texts.names | keys.names, said, batch, now)

    def known(self, run: RunView) -> bool:
        """Whether the run itself stands in the way, so that no other channel would help."""
        return run.id in self._known

    def message(self, run: RunView, attempt: int = 1, reserve: Reserve | None = None) -> QueueMessage:
        """The message to one client; withheld with its reason where it may not go or cannot be rendered.

        What must wait is said as of now and leaves later; what is in `reserve` is asked again when its turn comes.
        """
        channel, topic, address = self._channel, self._topic, self._addresses[run.id]
        verdict = self._verdicts.get(run.id)
        if verdict is not None and verdict.until is None:
            return QueueMessage(channel, topic, address, withheld=verdict.reason, attempt=attempt)
        try:
            values, manner = self._words.of(run), self._words.manner(run)
            said, pressed = self._texts.render(values, manner), self._keys.of(values, manner)
        except render.RenderError as error:
            reason = Reason.RENDER_FAILED
            return QueueMessage(channel, topic, address, withheld=reason, error=str(error), attempt=attempt)
        return QueueMessage(
            channel, topic, address, said.subject, said.body, html=said.html, extras=said.extras, buttons=pressed,
            held=None if reserve else verdict, owed=self._owed, attempt=attempt, reserve=reserve,
        )  # fmt: skip
