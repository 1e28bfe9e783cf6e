"""What clients were given on their way, by the message that followed: bonuses and promo codes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from messaging.models import Message
from messaging.services.cascade import family
from scenarios.models import RunLog
from scenarios.steps.issue_promo import IssuePromoCode


@dataclass(slots=True)
class Gain:
    """Since the previous message of the run, up to this one. `bonuses` in minor units; None: no step gave any."""

    bonuses: int | None = None
    codes: list[str] = field(default_factory=list)


def of_messages(messages: Iterable[Message]) -> dict[int, Gain]:
    """What came with each message, by its id; each accrual and code belongs to one message, through whichever channel
    it was tried. One query, and two more where there are later attempts.
    """
    messages = list(messages)
    found = _logged(messages)
    later = [message for message in messages if message.attempt > 1 and message.run_id and message.pk not in found]
    if later:
        found |= _of_first(later)
    return found


def _of_first(later: Collection[Message]) -> dict[int, Gain]:
    """Of attempts through further channels: the log of the run names the one that went first."""
    runs = {message.run_id for message in later}
    steps = {message.step_key for message in later}
    attempts = list(Message.objects.filter(run_id__in=runs, step_key__in=steps).only("run_id", "step_key", "visit"))
    logged = _logged(attempts)
    by_family = {family(message): logged[message.pk] for message in attempts if message.pk in logged}
    return {message.pk: by_family[family(message)] for message in later if family(message) in by_family}


def _logged(messages: Iterable[Message]) -> dict[int, Gain]:
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
