"""Taking back: spent bonuses return to their lots, earned ones are clawed back (semantics §35)."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Sum

from loyalty.models import BonusAccount, BonusEntry, BonusLot, BonusOperation, Client
from loyalty.services.ledger.accounts import HELD, fingerprint, lock
from loyalty.services.ledger.errors import KeyReused, NotFound, TooMuch
from loyalty.services.ledger.spending import tell

_Kind = BonusOperation.Kind


@dataclass(slots=True)
class _Posting:
    """An operation in the making: what it changes of lots, and of the debt."""

    client_id: int
    changes: dict[int, int] = field(default_factory=dict)  # lot → amount
    debt: int = 0  # what it adds to the debt

    def post(self, kind: str, source: str, key: str, content: str, reason: str, of: int | None, now: datetime) -> int:
        """Writes the operation, its entries, lots and the account's caches; returns its id."""
        changes = {lot: amount for lot, amount in self.changes.items() if amount}
        operation = BonusOperation.objects.create(
            client_id=self.client_id,
            kind=kind,
            amount=sum(changes.values()) - self.debt,
            source=source,
            key=key,
            fingerprint=content,
            reason=reason,
            of_id=of,
            posted_at=now,
        )
        entries = [
            BonusEntry(operation=operation, lot_id=lot, client_id=self.client_id, amount=amount)
            for lot, amount in changes.items()
        ]
        if self.debt:
            entries.append(BonusEntry(operation=operation, client_id=self.client_id, amount=-self.debt))
        BonusEntry.objects.bulk_create(entries)
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE loyalty_bonuslot l SET remaining = l.remaining + c.amount
                   FROM unnest(%s::bigint[], %s::bigint[]) AS c(id, amount) WHERE l.id = c.id""",
                [list(changes), list(changes.values())],
            )
        account = BonusAccount.objects.get(client_id=self.client_id)
        account.posted += operation.amount
        account.debt += self.debt
        account.save(update_fields=["posted", "debt"])
        return operation.pk


def _operation(operation_id: int, kinds: tuple[str, ...]) -> BonusOperation:
    """The operation to reverse, its account locked. Raises `NotFound`."""
    found = BonusOperation.objects.filter(pk=operation_id, kind__in=kinds).first()
    if found is None:
        raise NotFound(f"operation: there is no {operation_id} that can be reversed so")
    lock([found.client_id, _now_known_as(found.client_id)])
    return found


def _now_known_as(client_id: int) -> int:
    """The client into whom this one was merged, or itself."""
    return Client.objects.values_list("merged_into", flat=True).get(pk=client_id) or client_id


def _known(source: str, key: str, content: str) -> BonusOperation | None:
    known = BonusOperation.objects.filter(source=source, key=key).first()
    if known and known.fingerprint != content:
        raise KeyReused(f"key: {key!r} was posted before with another content")
    return known


def refund(source: str, operation_id: int, amount: int, key: str, now: datetime, reason: str = "") -> int:
    """Returns spent bonuses to the lots they came from, newest allocation first; returns the operation's id.

    A lot keeps its expiry: what returns to a lapsed one burns in the same transaction. A debt is
    repaid from what returns to living lots. Raises `TooMuch`, `KeyReused`, `NotFound`, and ValueError for an amount
    that is not positive.
    """
    if amount <= 0:
        raise ValueError(f"amount: a refund must be positive, not {amount}")
    content = fingerprint("refund", operation_id, amount)
    with transaction.atomic():
        spent = _operation(operation_id, (_Kind.SPEND,))
        if known := _known(source, key, content):
            return known.pk
        parts = _unreturned(spent)
        if amount > sum(part for _, part in parts):
            raise TooMuch(f"amount: {amount} is more than was spent and not yet returned")
        client_id = _now_known_as(spent.client_id)
        returned = _return(parts, amount)
        lots = BonusLot.objects.in_bulk(returned)
        if client_id != spent.client_id:
            returned = _rehome(returned, lots, client_id)
            lots = BonusLot.objects.in_bulk(returned)
        posting = _Posting(client_id, returned)
        operation = posting.post(_Kind.REFUND, source, key, content, reason, spent.pk, now)
        _burn_lapsed(client_id, returned, lots, operation, now)
        _repay(client_id, {lot: part for lot, part in returned.items() if not _lapsed(lots[lot], now)}, operation, now)
        tell("bonus.refunded", operation, client_id, amount, reason, now)
    return operation


def _lapsed(lot: BonusLot, now: datetime) -> bool:
    return lot.expires_at is not None and lot.expires_at <= now


def _unreturned(spent: BonusOperation) -> list[tuple[int, int]]:
    """(lot, what is not yet returned) of a spending, newest allocation first."""
    returned = dict(
        BonusEntry.objects.filter(operation__of=spent, operation__kind=_Kind.REFUND, amount__gt=0, lot__isnull=False)
        .values_list("lot")
        .annotate(Sum("amount"))
    )
    entries = spent.bonusentry_set.filter(lot__isnull=False).order_by("-pk").values_list("lot", "amount")
    return [(lot, -amount - returned.get(lot, 0)) for lot, amount in entries]


def _return(parts: list[tuple[int, int]], amount: int) -> dict[int, int]:
    returned = {}
    for lot, part in parts:
        if take := min(amount, part):
            returned[lot] = take
            amount -= take
    return returned


def _rehome(returned: dict[int, int], lots: dict[int, BonusLot], client_id: int) -> dict[int, int]:
    """The lots of a client who was merged since: their twins at the client whom they belong to now.

    The old lots stay closed; a twin of the same operation begins empty and takes what returns.
    """
    twins = BonusLot.objects.bulk_create(
        BonusLot(
            client_id=client_id,
            operation_id=lots[lot].operation_id,
            amount=part,
            remaining=0,
            activates_at=lots[lot].activates_at,
            expires_at=lots[lot].expires_at,
        )
        for lot, part in returned.items()
    )
    return dict(zip((twin.pk for twin in twins), returned.values(), strict=True))


def _burn_lapsed(
    client_id: int, returned: dict[int, int], lots: dict[int, BonusLot], operation: int, now: datetime
) -> None:
    for lot_id, part in returned.items():
        if _lapsed(lots[lot_id], now):
            key = f"burn:{lot_id}:refund:{operation}"
            _Posting(client_id, {lot_id: -part}).post(_Kind.BURN, "ledger", key, key, "", operation, now)


def _repay(client_id: int, returned: dict[int, int], operation: int, now: datetime) -> None:
    debt = BonusAccount.objects.values_list("debt", flat=True).get(client_id=client_id)
    repaid = _return(list(returned.items()), debt)
    if repaid:
        key = f"repay:{operation}"
        posting = _Posting(client_id, {lot: -part for lot, part in repaid.items()}, -sum(repaid.values()))
        posting.post(_Kind.CLAWBACK, "ledger", key, key, "", operation, now)


def clawback(source: str, operation_id: int, keep: int, key: str, now: datetime, reason: str = "") -> int | None:
    """Takes earned bonuses back, down to the `keep` that is still deserved; returns the operation's id.

    Takes granted − keep − already clawed: from the own lot (pending or not), then from the client's
    other lots in the order of spending, then pending ones, and the rest becomes debt. What burnt unspent
    was of no use to the client and counts as taken. Nothing to take: None. Raises `KeyReused`, `NotFound`,
    and ValueError for a negative `keep`.
    """
    if keep < 0:
        raise ValueError(f"keep: must not be negative, is {keep}")
    content = fingerprint("clawback", operation_id, keep)
    with transaction.atomic():
        earned = _operation(operation_id, (_Kind.ACCRUE, _Kind.CORRECT))
        if known := _known(source, key, content):
            return known.pk
        clawed = -(earned.followed_by.filter(kind=_Kind.CLAWBACK).aggregate(s=Sum("amount"))["s"] or 0)
        client_id = _now_known_as(earned.client_id)
        due = earned.amount - keep - clawed - _burnt(earned, now)
        if due <= 0:
            return None
        posting = _Posting(client_id)
        for lot, free in _takeable(client_id, earned.pk, now):
            take = min(due, free)
            posting.changes[lot] = -take
            due -= take
            if not due:
                break
        posting.debt = due
        operation = posting.post(_Kind.CLAWBACK, source, key, content, reason, earned.pk, now)
        tell("bonus.clawed_back", operation, client_id, posting.debt - sum(posting.changes.values()), reason, now)
    return operation


def _burnt(earned: BonusOperation, now: datetime) -> int:
    """What burnt, or has lapsed and will, of the lots of an operation — whenever the sweep runs."""
    swept = BonusEntry.objects.filter(lot__operation=earned, operation__kind=_Kind.BURN).aggregate(s=Sum("amount"))
    lapsed = BonusLot.objects.filter(operation=earned, expires_at__lte=now).aggregate(s=Sum("remaining"))
    return -(swept["s"] or 0) + (lapsed["s"] or 0)


def _takeable(client_id: int, own: int, now: datetime) -> list[tuple[int, int]]:
    """(lot, what is free of it) of living lots, in the order in which a clawback takes them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH held AS ({HELD})
               SELECT l.id, (l.remaining - coalesce(held.amount, 0))::bigint AS free
               FROM loyalty_bonuslot l LEFT JOIN held ON held.lot_id = l.id
               WHERE l.client_id = ANY(%(clients)s) AND l.remaining > coalesce(held.amount, 0)
                 AND (l.expires_at IS NULL OR l.expires_at > %(now)s)
               ORDER BY l.operation_id <> %(own)s, l.activates_at > %(now)s, l.expires_at NULLS LAST, l.activates_at,
                        l.id""",  # noqa: S608 (a fixed text)
            {"clients": [client_id], "own": own, "now": now},
        )
        return cursor.fetchall()
