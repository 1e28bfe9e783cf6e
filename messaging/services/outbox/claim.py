"""Claiming: which messages go out next, through which account, as fast as it allows (semantics §21, §24).

Messages stand in lanes: channel, account asked for, turn. The lanes with something due are found by hopping along one
index, so that it costs the same whatever is queued. Workers side by side skip each other's rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from loyalty.services import rows
from messaging.models import AccountState, Message
from messaging.services import last_look
from messaging.services.accounts import Outlet, Outlets
from messaging.services.policy import Stage

# An account with a rate gives away its moments so far ahead; each message waits for its own on the wire. Long enough
# for a few batches a second, short enough that a crash leaves few unknown.
AHEAD = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Lane:
    """Messages that are due and go the same way in the same turn."""

    channel: str
    account_id: int
    turn: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Messages of one account that are now being sent, each with the seconds until its moment."""

    outlet: Outlet
    messages: list[tuple[Message, float]]


def due_lanes(now: datetime) -> list[Lane]:
    """Lanes with something due, those whose turn is first in front. One query, a few index reads a lane."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE lane AS (
                 (SELECT channel, account_id, turn, due_at FROM messaging_message WHERE status = 'queued'
                  ORDER BY channel, account_id, turn, due_at LIMIT 1)
                 UNION ALL
                 SELECT next.* FROM lane CROSS JOIN LATERAL (
                   SELECT channel, account_id, turn, due_at FROM messaging_message m
                   WHERE status = 'queued'
                     AND (m.channel, m.account_id, m.turn) > (lane.channel, lane.account_id, lane.turn)
                   ORDER BY channel, account_id, turn, due_at LIMIT 1) AS next)
               SELECT channel, account_id, turn FROM lane WHERE due_at <= %s ORDER BY turn, channel, account_id""",
            [now],
        )
        return [Lane(*row) for row in cursor.fetchall()]


def claim(outlet: Outlet, lanes: list[Lane], room: int, now: datetime) -> tuple[Claimed, int]:
    """Marks up to `room` messages of these lanes, all of one account, as being sent by the caller, who commits.

    Also returns how many were dealt with, those that the last look stopped included.
    """
    taking = _Moments(outlet, now) if outlet.account_id else None
    room = min(room, taking.free) if taking else room
    found: list[Message] = []
    for lane in lanes:
        if len(found) >= room:
            break
        found += _take(lane, outlet, room - len(found), now)
    # All lanes at once: places under caps are locked in one order, or two workers would wait in a ring.
    passed = last_look.passed(found, now, Stage.SENDING)
    start = taking.take(len(passed)) if taking else None
    delays = start or (lambda _: 0.0)
    return Claimed(outlet, [(message, delays(place)) for place, message in enumerate(passed)]), len(found)


def _take(lane: Lane, outlet: Outlet, limit: int, now: datetime) -> list[Message]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE messaging_message m SET status = 'sending', claimed_at = %s, tries = tries + 1, account_id = %s
                WHERE id IN (
                  SELECT id FROM messaging_message
                  WHERE status = 'queued' AND channel = %s AND account_id = %s AND turn = %s AND due_at <= %s
                  ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
                RETURNING {rows.selected(Message, "m")}""",  # noqa: S608 (columns of the model)
            [now, outlet.account_id, lane.channel, lane.account_id, lane.turn, now, limit],
        )
        found = [rows.load(Message, row) for row in cursor.fetchall()]
    return sorted(found, key=lambda message: (message.due_at, message.pk))


class _Moments:
    """The free moments of an account, shared by all workers: its row is held until the claim is committed.

    PostgreSQL keeps it, not Redis: a rate must hold however often Redis is flushed. A worker whose clock runs ahead
    takes later moments; it cannot make the account faster.
    """

    def __init__(self, outlet: Outlet, now: datetime) -> None:
        self._now = now
        self._account = outlet.account_id
        self._step = timedelta(seconds=1 / outlet.rate) if outlet.rate else None
        AccountState.objects.get_or_create(account_id=outlet.account_id)
        # Without a rate there is nothing to be taken: only the end of a pause to be known.
        states = AccountState.objects.filter(account_id=outlet.account_id)
        if self._step:
            states = states.select_for_update(of=("self",))
        self._free_at: datetime | None = states.values_list("free_at", flat=True).first()

    @property
    def free(self) -> int:
        """How many messages may be taken now."""
        since = self._free_at or self._now
        if self._step is None:
            return 0 if since > self._now else 10**6
        until = self._now + AHEAD
        # At least one at a time, however slow the account is.
        return max(0, int((until - max(since, self._now)) / self._step), int(since <= self._now))

    def take(self, number: int) -> Callable[[int], float] | None:
        """Takes so many moments; the seconds until each, by its place. None: all at once."""
        if self._step is None or not number:
            return None
        first, step = max(self._free_at or self._now, self._now), self._step
        AccountState.objects.filter(account_id=self._account).update(free_at=first + number * step)
        return lambda place: (first - self._now + place * step).total_seconds()


def route(lanes: list[Lane], known: Outlets) -> list[tuple[Outlet, list[Lane]]]:
    """The lanes by the accounts that serve them, in their order; those that have to wait are left out."""
    if known.stopped:
        return []
    by_account: dict[tuple[str, int], tuple[Outlet, list[Lane]]] = {}
    for lane in lanes:
        outlet = known.of(lane.channel, lane.account_id)
        if outlet is not None and not outlet.stopped:
            by_account.setdefault((outlet.name, outlet.account_id), (outlet, []))[1].append(lane)
    return list(by_account.values())
