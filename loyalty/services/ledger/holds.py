"""Two-phase spending: hold, then capture or release, at most once (semantics §34)."""

from datetime import datetime

from django.db import connection, transaction

from loyalty.models import BonusAccount, BonusEntry, BonusHold, BonusHoldAllocation, BonusLot, BonusOperation
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


def _open(hold_id: int) -> BonusHold:
    """The hold, its account locked. Raises `NotFound`, `HoldResolved`."""
    client_id = BonusHold.objects.filter(pk=hold_id).values_list("client_id", flat=True).first()
    if client_id is None:
        raise NotFound(f"hold: there is no {hold_id}")
    lock([client_id])
    held = BonusHold.objects.select_for_update().get(pk=hold_id)
    if held.state != BonusHold.State.OPEN:
        raise HoldResolved(f"hold: {hold_id} was {held.state} before")
    return held


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
        operation = BonusOperation.objects.create(
            client_id=held.client_id,
            kind=BonusOperation.Kind.SPEND,
            amount=-amount,
            source="hold",
            key=f"hold:{hold_id}",
            fingerprint=fingerprint("capture", hold_id, amount),
            reason=held.reason,
            posted_at=now,
        )
        left, entries, lots = amount, [], []
        for allocation in held.allocations.select_related("lot").order_by("pk"):
            taken = min(left, allocation.amount)
            if not taken:
                break
            left -= taken
            allocation.lot.remaining -= taken
            lots.append(allocation.lot)
            entries.append(BonusEntry(operation=operation, lot=allocation.lot, client_id=held.client_id, amount=-taken))
        BonusEntry.objects.bulk_create(entries)
        BonusLot.objects.bulk_update(lots, ["remaining"])
        account = BonusAccount.objects.get(client_id=held.client_id)
        account.posted -= amount
        account.save(update_fields=["posted"])
        held.state, held.captured, held.operation, held.resolved_at = BonusHold.State.CAPTURED, amount, operation, now
        held.save(update_fields=["state", "captured", "operation", "resolved_at"])
        tell("bonus.spent", operation.pk, held.client_id, amount, held.reason, now)
    return operation.pk


def release(hold_id: int, now: datetime) -> None:
    """Gives back what a hold set aside, also after its deadline. Raises `HoldResolved`, `NotFound`."""
    with transaction.atomic():
        held = _open(hold_id)
        held.state, held.resolved_at = BonusHold.State.RELEASED, now
        held.save(update_fields=["state", "resolved_at"])


def move_open(guest: int, into: int, lots: dict[int, int]) -> None:
    """Moves open holds with the lots that they reserve (`lots`: old id → new id); accounts are locked."""
    moved = list(BonusHoldAllocation.objects.filter(hold__client=guest, hold__state=BonusHold.State.OPEN))
    for allocation in moved:
        allocation.lot_id = lots.get(allocation.lot_id, allocation.lot_id)
    BonusHoldAllocation.objects.bulk_update(moved, ["lot"])
    BonusHold.objects.filter(client=guest, state=BonusHold.State.OPEN).update(client=into)
