"""Writing what the steps of a batch decided: set-based, in the transaction that moves the runs (semantics §9, §54)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loyalty.services import ledger
from messaging.services import outbox
from scenarios.steps.outcomes import Accrue, Effect, Join, Leave, QueueMessage, RunView
from segments.services import membership


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
    """The effects of one batch, gathered by kind."""

    drafts: list[outbox.Draft] = field(default_factory=list)
    # The log line of every draft, to be told its message's id.
    draft_lines: list[LogLine] = field(default_factory=list)
    grants: list[ledger.Grant] = field(default_factory=list)
    # (segment, joins?) → client → chain depth of the event that follows
    moves: dict[tuple[int, bool], dict[int, int]] = field(default_factory=dict)

    def add(self, run: RunView, effects: Sequence[Effect], line: LogLine) -> None:
        """Takes the effects of one run's step. Everything a run causes is one link deeper in the chain (§18)."""
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
                case Accrue():
                    self.grants.append(
                        ledger.Grant(
                            client_id=run.client_id,
                            amount=effect.amount,
                            key=f"run:{run.id}:{run.step_key}:{run.visit}",
                            activates_at=effect.activates_at,
                            expires_at=effect.expires_at,
                            reason=effect.reason,
                            depth=run.depth + 1,
                        )
                    )
                    line.bonuses = (line.bonuses or 0) + effect.amount
                case Join() | Leave():
                    joins = isinstance(effect, Join)
                    self.moves.setdefault((effect.segment_id, joins), {})[run.client_id] = run.depth + 1

    def write(self, now: datetime) -> None:
        """Writes everything; messages last, so that the log lines know their ids."""
        for (segment_id, joins), clients in sorted(self.moves.items()):
            (membership.add if joins else membership.remove)(segment_id, clients, now)
        ledger.accrue_many("scenario", self.grants, now)
        for line, message_id in zip(self.draft_lines, outbox.queue(self.drafts, now), strict=True):
            line.message_id = message_id
