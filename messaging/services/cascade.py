"""One message through several channels: the next one goes where the one before did not reach the client (§22).

All attempts are written at once, each with its text: the first is queued, the others stand by. A tick looks at those
whose time has come — an index of them alone — and queues, puts off or cancels them. A failed attempt calls the next
one at once; a late success cancels the next one even while it waits in the outbox.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from messaging.models import Fallback, Message, Reason, Status
from messaging.models.fallback import Success

BATCH = 1000
_OVER = (Status.FAILED, Status.WITHHELD)
# What counts as success of an earlier attempt `e`, by what the attempt in reserve `f` waits for. Whoever clicked has
# opened, and whoever opened was delivered to.
_REACHED = f"""(e.first_clicked_at IS NOT NULL
  OR f.success <> '{Success.CLICKED}' AND e.first_opened_at IS NOT NULL
  OR f.success = '{Success.DELIVERED}' AND (e.delivered_at IS NOT NULL OR e.status = '{Status.DELIVERED}'))"""

Family = tuple[int | None, str, int]


def family(message: Message) -> Family:
    """What the attempts of one message have in common."""
    return message.run_id, message.step_key, message.visit


@dataclass(slots=True)
class _Moves:
    """What a look at attempts in reserve comes to."""

    queue: list[int] = field(default_factory=list)
    cancel: list[int] = field(default_factory=list)
    # When to look at an attempt again; None: not any more.
    again: dict[int, datetime | None] = field(default_factory=dict)


def fall_through(now: datetime, limit: int = BATCH, scenario_id: int | None = None) -> int:
    """Looks at attempts whose time has come at `now` (UTC), of one scenario or of all; returns at how many.

    A bounded number of queries, whatever their number.
    """
    with transaction.atomic():
        due = _claim(now, limit, scenario_id)
        if not due:
            return 0
        moves, families = _Moves(), _families([one.message_id for one in due])
        reached = _reached([one.message_id for one in due])
        reserve = Fallback.objects.in_bulk(
            [message.pk for members in families.values() for message in members if message.status == Status.STANDBY]
        )
        of = {message.pk: members for members in families.values() for message in members}
        for one in due:
            _look(one, of[one.message_id], one.message_id in reached, reserve, now, moves)
        _write(moves, now)
    return len(due)


def _look(
    one: Fallback,
    members: Sequence[Message],
    reached: bool,
    reserve: dict[int, Fallback],
    now: datetime,
    moves: _Moves,
) -> None:
    by_id = {message.pk: message for message in members}
    own, before = by_id[one.message_id], by_id.get(one.previous_id)
    later = [message for message in members if message.attempt > own.attempt and message.status == Status.STANDBY]
    moves.again[own.pk] = None
    if own.status != Status.STANDBY:
        return
    if reached:
        moves.cancel += [own.pk, *(message.pk for message in later)]
        return
    if before is not None and before.status not in _OVER:
        if before.sent_at is not None:
            due = before.sent_at + one.after
        elif before.status == Status.UNKNOWN:
            due = now
        else:
            # It waits itself: for the morning, for a place under a cap.
            due = max(now, before.due_at) + one.after
        if due > now:
            moves.again[own.pk] = due
            return
    moves.queue.append(own.pk)
    if later and later[0].pk in reserve:
        moves.again[later[0].pk] = now + reserve[later[0].pk].after


def hurry(message_ids: Collection[int], now: datetime) -> None:
    """Calls the attempts that follow these, which failed or were withheld; nothing where nothing follows."""
    if message_ids:
        Fallback.objects.filter(previous_id__in=message_ids, at__isnull=False).update(at=now)


def superseded(batch: Iterable[Message]) -> dict[int, Reason]:
    """Attempts of a batch whose message has reached the client through an earlier channel after all: one query."""
    ids = [message.pk for message in batch if message.attempt > 1]
    return dict.fromkeys(_reached(ids), Reason.REACHED) if ids else {}


def _claim(now: datetime, limit: int, scenario_id: int | None) -> list[Fallback]:
    found = Fallback.objects.filter(at__lte=now).order_by("at", "pk")
    if scenario_id is not None:
        found = found.filter(message__scenario_id=scenario_id)
    return list(found.select_for_update(skip_locked=True, of=("self",))[:limit])


def _families(ids: Sequence[int]) -> dict[Family, list[Message]]:
    found: dict[Family, list[Message]] = {}
    for message in Message.objects.raw(
        """SELECT m.* FROM messaging_message m
           JOIN (SELECT DISTINCT run_id, step_key, visit FROM messaging_message WHERE id = ANY(%s)) AS own
             ON m.run_id = own.run_id AND m.step_key = own.step_key AND m.visit = own.visit
           ORDER BY m.attempt""",
        [list(ids)],
    ):
        found.setdefault(family(message), []).append(message)
    return found


def _reached(ids: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT DISTINCT own.id FROM messaging_message own
                JOIN messaging_fallback f ON f.message_id = own.id
                JOIN messaging_message e ON e.run_id = own.run_id AND e.step_key = own.step_key
                     AND e.visit = own.visit AND e.attempt < own.attempt
                WHERE own.id = ANY(%s) AND {_REACHED}""",  # noqa: S608 (a fixed text)
            [list(ids)],
        )
        return {message_id for (message_id,) in cursor.fetchall()}


def _write(moves: _Moves, now: datetime) -> None:
    standing = Message.objects.filter(status=Status.STANDBY)
    if moves.queue:
        standing.filter(pk__in=moves.queue).update(status=Status.QUEUED, due_at=now)
    if moves.cancel:
        standing.filter(pk__in=moves.cancel).update(status=Status.WITHHELD, reason=Reason.REACHED)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE messaging_fallback f SET at = t.at
               FROM unnest(%s::bigint[], %s::timestamptz[]) AS t(id, at) WHERE f.message_id = t.id""",
            [list(moves.again), list(moves.again.values())],
        )
