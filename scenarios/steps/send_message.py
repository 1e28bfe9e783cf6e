"""Sending a message."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel, MessageContent, Reason
from messaging.services import policy, render, rulebook, wordings
from messaging.services.policy import Ask, Stage
from messaging.services.recipients import Recipient
from messaging.services.verdict import Verdict
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, QueueMessage, RunView
from scenarios.steps.wording import Wording


class SendMessage(Step, MessageContent):
    """Queues one message through one channel; a refusal is logged with its reason and the run goes on."""

    icon = "mail"

    class Meta:
        verbose_name = _("send message")
        verbose_name_plural = _("messages")

    def clean(self) -> None:
        super().clean()
        if wrong := wordings.wrong(self):
            raise ValidationError(wrong)

    def sentence(self) -> str:
        text = self.subject if self.channel == Channel.EMAIL else self.body
        return f"{self.get_channel_display()}: {text[:80]}"

    def templates(self) -> Collection[str]:
        return wordings.sources(self)

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        asks = [self._ask(run, batch.clients[run.client_id]) for run in batch.runs]
        book = rulebook.load(now)
        verdicts = policy.judge(asks, book, now, Stage.SAYING, _known(batch.runs))
        texts = wordings.compiled(self)
        said = [run for run in batch.runs if run.id not in verdicts or verdicts[run.id].until]
        words = Wording(texts.names, said, batch, now)
        message = partial(QueueMessage, self.channel, self.topic, owed=book.topic(self.topic).exempt)
        return [
            _outcome(run, partial(message, ask.address), verdicts.get(run.id), texts, words)
            for run, ask in zip(batch.runs, asks, strict=True)
        ]

    def _ask(self, run: RunView, client: Recipient) -> Ask:
        return Ask(run.id, run.client_id, self.channel, self.topic, client.address(self.channel), client.zone)


def _outcome(
    run: RunView,
    message: Callable[..., QueueMessage],
    verdict: Verdict | None,
    texts: wordings.Texts,
    words: Wording,
) -> Outcome:
    if verdict and verdict.until is None:
        return Outcome(effects=(message(withheld=verdict.reason),), reason=verdict.reason)
    try:
        said = texts.render(words.of(run), words.manner(run))
    except render.RenderError as error:
        reason = Reason.RENDER_FAILED
        return Outcome(effects=(message(withheld=reason, error=str(error)),), reason=reason, detail=str(error)[:500])
    # What must wait is said as of now and leaves later; the run goes on.
    return Outcome(effects=(message(said.subject, said.body, html=said.html, held=verdict),))


def _known(runs: Sequence[RunView]) -> dict[int, Reason]:
    """What the engine knows against runs already: whoever is claimed is active, and no exit or goal has come."""
    against = {run.id: Reason(f"holdout_{run.holdout}") for run in runs if run.holdout}
    return against | {run.id: Reason.OVERDUE for run in runs if run.stale}
