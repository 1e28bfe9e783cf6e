"""Sending a message."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from messaging import buttons
from messaging.models import Channel, MessageContent, Reason
from messaging.services import policy, render, rulebook, wordings
from messaging.services.policy import Ask, Stage
from messaging.services.recipients import Recipient
from messaging.services.verdict import Verdict
from scenarios.steps import keyboard
from scenarios.steps.base import Step
from scenarios.steps.keyboard import Keyboard
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
        wrong: dict[str, Any] = {**wordings.wrong(self)}
        if found := _about_buttons(self.buttons):
            wrong["buttons"] = found
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        text = self.subject if self.channel == Channel.EMAIL else self.body
        pressed = " ".join(f"[{row['text']}]" for row in self.buttons)
        return f"{self.get_channel_display()}: {text[:80]} {pressed}".rstrip()

    def templates(self) -> Collection[str]:
        return (*wordings.sources(self), *buttons.templates(self.buttons))

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        asks = [self._ask(run, batch.clients[run.client_id]) for run in batch.runs]
        book = rulebook.load(now)
        verdicts = policy.judge(asks, book, now, Stage.SAYING, _known(batch.runs))
        texts = wordings.compiled(self)
        said = [run for run in batch.runs if run.id not in verdicts or verdicts[run.id].until]
        keys = Keyboard(self.buttons)
        words = Wording(texts.names | keys.names, said, batch, now)
        message = partial(QueueMessage, self.channel, self.topic, owed=book.topic(self.topic).exempt)
        return [
            _outcome(run, partial(message, ask.address), verdicts.get(run.id), texts, keys, words)
            for run, ask in zip(batch.runs, asks, strict=True)
        ]

    def _ask(self, run: RunView, client: Recipient) -> Ask:
        return Ask(run.id, run.client_id, self.channel, self.topic, client.address(self.channel), client.zone)


def _outcome(
    run: RunView,
    message: Callable[..., QueueMessage],
    verdict: Verdict | None,
    texts: wordings.Texts,
    keys: Keyboard,
    words: Wording,
) -> Outcome:
    if verdict and verdict.until is None:
        return Outcome(effects=(message(withheld=verdict.reason),), reason=verdict.reason)
    try:
        values, manner = words.of(run), words.manner(run)
        said, pressed = texts.render(values, manner), keys.of(values, manner)
    except render.RenderError as error:
        reason = Reason.RENDER_FAILED
        return Outcome(effects=(message(withheld=reason, error=str(error)),), reason=reason, detail=str(error)[:500])
    # What must wait is said as of now and leaves later; the run goes on.
    return Outcome(effects=(message(said.subject, said.body, html=said.html, held=verdict, buttons=pressed),))


def _known(runs: Sequence[RunView]) -> dict[int, Reason]:
    """What the engine knows against runs already: whoever is claimed is active, and no exit or goal has come."""
    against = {run.id: Reason(f"holdout_{run.holdout}") for run in runs if run.holdout}
    return against | {run.id: Reason.OVERDUE for run in runs if run.stale}


def _about_buttons(said: list[dict[str, str]]) -> list[str]:
    try:
        buttons.check(said)
    except ValidationError:
        return []  # the field's own check says it
    return keyboard.problems(said)
