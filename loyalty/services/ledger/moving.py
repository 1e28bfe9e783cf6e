"""Moving an account into another, when two clients become one."""

from datetime import datetime

from django.db import transaction

from loyalty.models import BonusAccount, BonusEntry, BonusLot, BonusOperation
from loyalty.services.ledger.accounts import lock
from loyalty.services.ledger.holds import move_open


def move(guest: int, into: int, key: str, now: datetime) -> None:
    """Moves what is left on the lots of one client to another with the same dates, and the debt, and open holds.

    History stays where it was posted. Call within the transaction of the merge.
    """
    with transaction.atomic():
        lock([guest, into])
        old = list(BonusLot.objects.filter(client_id=guest, remaining__gt=0).order_by("pk"))
        accounts = BonusAccount.objects.in_bulk([guest, into])
        debt = accounts[guest].debt
        total = sum(lot.remaining for lot in old)
        if not total and not debt:
            return
        out, in_ = (
            BonusOperation.objects.create(
                client_id=client_id,
                kind=BonusOperation.Kind.MERGE,
                amount=amount,
                source="ledger",
                key=f"{key}:{side}",
                fingerprint=key,
                posted_at=now,
            )
            for client_id, amount, side in ((guest, debt - total, "out"), (into, total - debt, "in"))
        )
        new = BonusLot.objects.bulk_create(
            BonusLot(
                client_id=into,
                operation=in_,
                amount=lot.remaining,
                remaining=lot.remaining,
                activates_at=lot.activates_at,
                expires_at=lot.expires_at,
                warn_at=lot.warn_at,
                notify_burn=lot.notify_burn,
            )
            for lot in old
        )
        entries = [BonusEntry(operation=in_, lot=lot, client_id=into, amount=lot.amount) for lot in new]
        entries += [BonusEntry(operation=out, lot=lot, client_id=guest, amount=-lot.remaining) for lot in old]
        if debt:
            entries.append(BonusEntry(operation=out, client_id=guest, amount=debt))
            entries.append(BonusEntry(operation=in_, client_id=into, amount=-debt))
        BonusEntry.objects.bulk_create(entries)
        for lot in old:
            lot.remaining = 0
        BonusLot.objects.bulk_update(old, ["remaining"])
        move_open(guest, into, dict(zip((lot.pk for lot in old), (lot.pk for lot in new), strict=True)))
        accounts[guest].posted += debt - total
        accounts[guest].debt = 0
        accounts[into].posted += total - debt
        accounts[into].debt += debt
        BonusAccount.objects.bulk_update(accounts.values(), ["posted", "debt"])
