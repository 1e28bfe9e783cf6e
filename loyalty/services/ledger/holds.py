"""Two-phase spending: hold, then capture or release, at most once (semantics §34)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from loyalty.models import BonusHold, BonusHoldAllocation
from loyalty.services.ledger.accounts import fingerprint, lock
from loyalty.services.ledger.errors import (
    HoldExpired,
    HoldResolved,
    InsufficientBonuses,
    KeyReused,
    NotFound,
    TooMuch,
)
from loyalty.services.ledger.spending import USABLE, tell


def hold(
    source: str, client_id: int, amount: int, key: str, deadline: datetime, now: datetime, reason: str = ""
) -> int:
    """Sets bonuses of concrete lots aside until before `deadline` (UTC); returns the hold's id.

    What is held does not burn before the deadline. Raises `InsufficientBonuses`, `KeyReused`, and
    ValueError for an amount that is not positive or a deadline that is not in the future.
    """
    if amount <= 0:
        raise ValueError(f"amount: a hold must be positive, not {amount}")
    if deadline <= now:
        raise ValueError("deadline: must be in the future")
    content = fingerprint("hold", client_id, amount)
    with transaction.atomic():
        lock([client_id])
        known = BonusHold.objects.filter(source=source, key=key).first()
        if known:
            if known.fingerprint != content:
                raise KeyReused(f"key: {key!r} was used before with another content")
            return known.pk
        with connection.cursor() as cursor:
            cursor.execute(
                f"""WITH {USABLE},
                   hold AS (
                     INSERT INTO loyalty_bonushold (client_id, source, key, fingerprint, amount, captured, state,
                                                    reason, deadline, created_at)
                     SELECT %(client)s, %(source)s, %(key)s, %(content)s, %(amount)s, 0, 'open', %(reason)s,
                            %(deadline)s, %(now)s
                     WHERE (SELECT coalesce(max(upto), 0) FROM usable) >= %(amount)s
                     RETURNING id),
                   allocation AS (
                     INSERT INTO loyalty_bonusholdallocation (hold_id, lot_id, amount)
                     SELECT hold.id, usable.id, least(amount, %(amount)s - (upto - amount))
                     FROM usable, hold WHERE upto - amount < %(amount)s ORDER BY upto)
                   SELECT id FROM hold""",  # noqa: S608 (fixed texts of this package)
                {
                    "clients": [client_id],
                    "client": client_id,
                    "amount": amount,
                    "source": source,
                    "key": key,
                    "content": content,
                    "reason": reason,
                    "deadline": deadline,
                    "now": now,
                },
            )
            row = cursor.fetchone()
        if row is None:
            raise InsufficientBonuses(f"amount: {amount} is more than the client has available")
    return row[0]


@dataclass(frozen=True, slots=True)
class _Open:
    """An open hold, its account and row locked."""

    client_id: int
    amount: int
    deadline: datetime
    reason: str


def _open(hold_id: int) -> _Open:
    """The hold, its account locked first (semantics §37). Raises `NotFound`, `HoldResolved`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT 1 FROM loyalty_bonusaccount
               WHERE client_id = (SELECT client_id FROM loyalty_bonushold WHERE id = %s) FOR NO KEY UPDATE""",
            [hold_id],
        )
        cursor.execute(
            "SELECT state, client_id, amount, deadline, reason FROM loyalty_bonushold WHERE id = %s FOR UPDATE",
            [hold_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"hold: there is no {hold_id}")
    state, *rest = row
    if state != BonusHold.State.OPEN:
        raise HoldResolved(f"hold: {hold_id} was {state} before")
    return _Open(*rest)


def capture(hold_id: int, amount: int, now: datetime) -> int:
    """Spends what a hold set aside, up to all of it; the rest is released. Returns the operation's id.

    Raises `HoldResolved`, `HoldExpired` (late capture fails), `TooMuch`, `NotFound`, and ValueError for
    an amount that is not positive.
    """
    if amount <= 0:
        raise ValueError(f"amount: a capture must be positive, not {amount}; release the hold instead")
    with transaction.atomic():
        held = _open(hold_id)
        if held.deadline <= now:
            raise HoldExpired(f"hold: {hold_id} lapsed at {held.deadline.isoformat()}")
        if amount > held.amount:
            raise TooMuch(f"amount: {amount} is more than the {held.amount} held")
        with connection.cursor() as cursor:
            cursor.execute(
                """WITH allocation AS (
                     SELECT lot_id, amount, (sum(amount) OVER (ORDER BY id))::bigint AS upto
                     FROM loyalty_bonusholdallocation WHERE hold_id = %(hold)s),
                   taken AS (
                     SELECT lot_id, least(amount, %(amount)s::bigint - (upto - amount))::bigint AS amount
                     FROM allocation WHERE upto - amount < %(amount)s::bigint),
                   op AS (
                     INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                         posted_at)
                     VALUES (%(client)s, 'spend', -%(amount)s::bigint, 'hold', %(key)s, %(content)s, %(reason)s,
                             %(now)s)
                     RETURNING id),
                   lot AS (
                     UPDATE loyalty_bonuslot l SET remaining = l.remaining - taken.amount
                     FROM taken WHERE l.id = taken.lot_id),
                   entry AS (
                     INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                     SELECT op.id, taken.lot_id, %(client)s, -taken.amount FROM taken, op),
                   account AS (
                     UPDATE loyalty_bonusaccount SET posted = posted - %(amount)s::bigint
                     WHERE client_id = %(client)s)
                   UPDATE loyalty_bonushold
                   SET state = 'captured', captured = %(amount)s::bigint, operation_id = op.id, resolved_at = %(now)s
                   FROM op WHERE loyalty_bonushold.id = %(hold)s RETURNING op.id""",
                {
                    "hold": hold_id,
                    "client": held.client_id,
                    "amount": amount,
                    "key": f"hold:{hold_id}",
                    "content": fingerprint("capture", hold_id, amount),
                    "reason": held.reason,
                    "now": now,
                },
            )
            operation_id = cursor.fetchone()[0]
        tell("bonus.spent", operation_id, held.client_id, amount, held.reason, now)
    return operation_id


def release(hold_id: int, now: datetime) -> None:
    """Gives back what a hold set aside, also after its deadline. Raises `HoldResolved`, `NotFound`."""
    with transaction.atomic():
        _open(hold_id)
        BonusHold.objects.filter(pk=hold_id).update(state=BonusHold.State.RELEASED, resolved_at=now)


def move_open(guest: int, into: int, lots: dict[int, int]) -> None:
    """Moves open holds with the lots that they reserve (`lots`: old id → new id); accounts are locked."""
    moved = list(BonusHoldAllocation.objects.filter(hold__client=guest, hold__state=BonusHold.State.OPEN))
    for allocation in moved:
        allocation.lot_id = lots.get(allocation.lot_id, allocation.lot_id)
    BonusHoldAllocation.objects.bulk_update(moved, ["lot"])
    BonusHold.objects.filter(client=guest, state=BonusHold.State.OPEN).update(client=into)
