"""What clients were given on their way, by the message that followed: bonuses and promo codes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from messaging.models import Message
from scenarios.models import RunLog
from scenarios.steps.issue_promo import IssuePromoCode


@dataclass(slots=True)
class Gain:
    """Since the previous message of the run, up to this one. `bonuses` in minor units; None: no step gave any."""

    bonuses: int | None = None
    codes: list[str] = field(default_factory=list)


def of_messages(messages: Iterable[Message]) -> dict[int, Gain]:
    """What came with each message, by its id; each accrual and code belongs to one message. One query."""
    run_ids = {message.run_id for message in messages if message.run_id}
    if not run_ids:
        return {}
    giving = Q(bonuses__isnull=False) | Q(step_type=IssuePromoCode.__name__) | Q(message__isnull=False)
    lines = RunLog.objects.filter(giving, run__in=run_ids, kind=RunLog.Kind.STEP).order_by("run", "pk")
    found: dict[int, Gain] = {}
    at, gain = 0, Gain()
    for run_id, bonuses, step_type, code, message_id in lines.values_list(
        "run_id", "bonuses", "step_type", "detail", "message_id"
    ):
        if run_id != at:
            at, gain = run_id, Gain()
        if bonuses is not None:
            gain.bonuses = (gain.bonuses or 0) + bonuses
        if step_type == IssuePromoCode.__name__ and code:
            gain.codes.append(code)
        if message_id is not None:
            found[message_id], gain = gain, Gain()
    return found
