"""Writing the messages and calls that a batch queues: at its end, set-based, with the moves of its runs (§9, §54)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from messaging.models import Recipient
from messaging.services import outbox, rulebook
from scenarios.engine import webhooks
from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.live import live
from scenarios.steps.outcomes import CallHook, Effect, Enter, QueueMessage, RunView, TellStaff


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
    branch: str = ""


@dataclass(slots=True)
class Ledgers:
    """The messages and calls of one batch, of a scenario with this priority."""

    priority: int = 0
    drafts: list[outbox.Draft] = field(default_factory=list)
    # The log line of every draft, to be told its message's id, where it has one.
    draft_lines: list[LogLine | None] = field(default_factory=list)
    calls: list[webhooks.Call] = field(default_factory=list)
    # Who enters which other scenario, with the log line of the step.
    entries: dict[int, list[tuple[Candidate, LogLine]]] = field(default_factory=dict)

    def add(self, run: RunView, effects: Sequence[Effect], line: LogLine) -> None:
        """Takes the messages and calls of one run's step; everything else is settled already (`engine/settle.py`)."""
        for effect in effects:
            match effect:
                case QueueMessage():
                    draft = outbox.Draft(
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
                        turn=outbox.turn(self.priority, effect.owed),
                        depth=run.depth,
                        html=effect.html,
                        buttons=effect.buttons,
                        extras=effect.extras,
                        attempt=effect.attempt,
                        reserve=effect.reserve,
                    )
                    self.drafts.append(draft if effect.held is None else draft.wait(effect.held))
                    # Of a cascade the log line names the attempt that goes first.
                    first = effect.reserve is None and (not effect.withheld or effect.attempt == 1)
                    self.draft_lines.append(line if first else None)
                case TellStaff():
                    self.drafts.append(
                        outbox.Draft(
                            client_id=run.client_id,
                            scenario_id=run.scenario_id,
                            run_id=None,  # what staff are to know does not depend on where the run ends
                            step_key=run.step_key,
                            visit=run.visit,
                            channel=effect.channel,
                            topic=rulebook.STAFF,
                            address=effect.address,
                            subject=effect.subject,
                            body=effect.body,
                            recipient=Recipient.STAFF,
                            key=f"{run.key()}:staff:{effect.user_id}",
                            turn=outbox.turn(self.priority),
                            depth=run.depth,
                        )
                    )
                    self.draft_lines.append(line)
                case Enter():
                    candidate = Candidate(run.client_id, run.key(), {}, depth=run.depth + 1)
                    self.entries.setdefault(effect.scenario_id, []).append((candidate, line))
                case CallHook():
                    self.calls.append(
                        webhooks.Call(
                            effect.endpoint_id,
                            run.scenario_id,
                            run.id,
                            run.client_id,
                            run.step_key,
                            run.visit,
                            effect.body,
                            run.depth + 1,
                        )
                    )

    def write(self, now: datetime) -> None:
        """Queues the messages, whose ids the log lines learn, and the calls."""
        for line, message_id in zip(self.draft_lines, outbox.queue(self.drafts, now), strict=True):
            if line is not None:
                line.message_id = message_id
        webhooks.queue(self.calls, now)
        self._enter(now)

    def _enter(self, now: datetime) -> None:
        # In the order of the reader of the stream, so that neither waits for the other in a ring.
        running = live() if self.entries else {}
        for scenario_id, scenario in running.items():
            enrol(scenario, [candidate for candidate, _ in self.entries.get(scenario_id, ())], now)
        for scenario_id in self.entries.keys() - running.keys():
            for _, line in self.entries[scenario_id]:
                line.reason = "not_running"
