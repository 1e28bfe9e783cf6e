"""Writing the messages that a batch queues: at its end, set-based, in the transaction that moves the runs (§9, §54)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from messaging.services import outbox
from scenarios.steps.outcomes import Effect, QueueMessage, RunView


@dataclass(slots=True)
class LogLine:
    """One line of the log of a run."""

    run: RunView
    release: int
    kind: str
    step_key: str
    step_type: str
    reason: str = ""
    detail: str = ""
    message_id: int | None = None
    bonuses: int | None = None


@dataclass(slots=True)
class Ledgers:
    """The messages of one batch."""

    drafts: list[outbox.Draft] = field(default_factory=list)
    # The log line of every draft, to be told its message's id.
    draft_lines: list[LogLine] = field(default_factory=list)

    def add(self, run: RunView, effects: Sequence[Effect], line: LogLine) -> None:
        """Takes the messages of one run's step; everything else is settled already (`engine/settle.py`)."""
        for effect in effects:
            match effect:
                case QueueMessage():
                    self.drafts.append(
                        outbox.Draft(
                            run.client_id,
                            run.scenario_id,
                            run.id,
                            run.step_key,
                            run.visit,
                            effect.channel,
                            effect.topic,
                            effect.address,
                            effect.subject,
                            effect.body,
                            effect.withheld,
                            effect.error,
                        )  # fmt: skip
                    )
                    self.draft_lines.append(line)

    def write(self, now: datetime) -> None:
        """Queues the messages; the log lines learn their ids."""
        for line, message_id in zip(self.draft_lines, outbox.queue(self.drafts, now), strict=True):
            line.message_id = message_id
