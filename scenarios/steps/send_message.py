"""Sending a message."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel, MessageContent, Reason
from messaging.services import policy, render
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
        wrong: dict[str, str] = {}
        for name in ("subject", "body"):
            try:
                render.check(getattr(self, name))
            except render.TemplateError as error:
                wrong[name] = str(error)
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        text = self.subject if self.channel == Channel.EMAIL else self.body
        return f"{self.get_channel_display()}: {text[:80]}"

    def templates(self) -> Collection[str]:
        return (self.subject, self.body)

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        refused = policy.refusals(self.channel, self.topic, batch.clients, now)
        # Checks of the scenario come before those of the client (semantics §19).
        refused |= {run.client_id: Reason(f"holdout_{run.holdout}") for run in batch.runs if run.holdout}
        refused |= {run.client_id: Reason.OVERDUE for run in batch.runs if run.stale}
        texts = (render.compiled(self.subject), render.compiled(self.body))
        runs = [run for run in batch.runs if run.client_id not in refused]
        words = Wording(texts[0].names | texts[1].names, runs, batch, now)
        return [self._outcome(run, batch, refused.get(run.client_id), texts, words) for run in batch.runs]

    def _outcome(
        self,
        run: RunView,
        batch: Batch,
        reason: Reason | None,
        texts: tuple[render.Text, render.Text],
        words: Wording,
    ) -> Outcome:
        address = batch.clients[run.client_id].address(self.channel)
        if reason:
            return Outcome(effects=(QueueMessage(self.channel, self.topic, address, withheld=reason),), reason=reason)
        values, manner = words.of(run), words.manner(run)
        try:
            subject, body = texts[0].render(values, manner), texts[1].render(values, manner)
        except render.RenderError as error:
            reason = Reason.RENDER_FAILED
            effect = QueueMessage(self.channel, self.topic, address, withheld=reason, error=str(error))
            return Outcome(effects=(effect,), reason=reason, detail=str(error)[:500])
        return Outcome(effects=(QueueMessage(self.channel, self.topic, address, subject, body),))
