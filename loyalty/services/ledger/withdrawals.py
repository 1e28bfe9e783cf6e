"""Taking bonuses away from many clients at once, never below zero (semantics §33, §35)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import BonusOperation
from loyalty.services import stream
from loyalty.services.ledger.accounts import HELD, fingerprint, lock
from loyalty.services.ledger.errors import KeyReused


@dataclass(frozen=True, slots=True)
class Debit:
    """What to take from one client: `amount` in minor units, None for all that is available.

    Where there is less: what there is (`partly`), else nothing.
    """

    client_id: int
    amount: int | None
    key: str
    partly: bool = False
    reason: str = ""
    # Chain depth of the event that follows (semantics §18).
    depth: int = 0

    def fingerprint(self) -> str:
        return fingerprint("withdraw", self.client_id, self.amount, self.partly)


def withdraw_many(source: str, debits: Sequence[Debit], now: datetime) -> dict[str, int]:
    """Takes bonuses, soonest expiry first, in the caller's transaction or its own; returns what was taken, by key.

    Nothing to take is 0 and posts nothing. A debit that was posted before is returned, not repeated; one client's
    debits follow each other in order. Raises `KeyReused`, and ValueError for an amount that is not positive.
    """
    if wrong := next((debit for debit in debits if debit.amount is not None and debit.amount <= 0), None):
        raise ValueError(f"amount: a debit must be positive, not {wrong.amount}")
    unique = {debit.key: debit for debit in debits}
    if not unique:
        return {}
    with transaction.atomic():
        lock(debit.client_id for debit in debits)
        taken = _taken_before(source, unique)
        waiting = [debit for key, debit in unique.items() if key not in taken]
        while waiting:
            # The lots are read once a statement, so a client has one debit in each.
            round_ = {debit.client_id: debit for debit in reversed(waiting)}
            taken |= _take(source, list(round_.values()), now)
            waiting = [debit for debit in waiting if debit.key not in taken]
    return taken


def _taken_before(source: str, debits: dict[str, Debit]) -> dict[str, int]:
    known = BonusOperation.objects.filter(source=source, key__in=list(debits)).only("key", "amount", "fingerprint")
    for operation in known:
        if operation.fingerprint != debits[operation.key].fingerprint():
            raise KeyReused(f"key: {operation.key!r} was posted before with another content")
    return {operation.key: -operation.amount for operation in known}


def _take(source: str, debits: Sequence[Debit], now: datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH asked AS (
                 SELECT * FROM unnest(%(clients)s::bigint[], %(amounts)s::bigint[], %(partly)s::bool[],
                                      %(keys)s::text[], %(prints)s::text[], %(reasons)s::text[])
                   AS d(client_id, amount, partly, key, fingerprint, reason)),
               held AS ({HELD}),
               free AS (
                 SELECT l.client_id, l.id, l.expires_at, l.activates_at,
                        (l.remaining - coalesce(held.amount, 0))::bigint AS amount
                 FROM loyalty_bonuslot l LEFT JOIN held ON held.lot_id = l.id
                 WHERE l.client_id = ANY(%(clients)s) AND l.remaining > 0 AND l.activates_at <= %(now)s
                   AND (l.expires_at IS NULL OR l.expires_at > %(now)s)),
               usable AS (
                 SELECT client_id, id, amount,
                        (sum(amount) OVER (PARTITION BY client_id
                                           ORDER BY expires_at NULLS LAST, activates_at, id))::bigint AS upto
                 FROM free WHERE amount > 0),
               due AS (
                 SELECT asked.*, least(coalesce(asked.amount, have.amount), have.amount) AS takes
                 FROM asked JOIN (SELECT client_id, max(upto) AS amount FROM usable GROUP BY client_id) AS have
                      USING (client_id)
                 WHERE asked.partly OR asked.amount IS NULL OR asked.amount <= have.amount),
               op AS (
                 INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                     posted_at)
                 SELECT client_id, %(kind)s, -takes, %(source)s, key, fingerprint, reason, %(now)s FROM due
                 RETURNING id, client_id, key, -amount AS takes),
               taken AS (
                 SELECT op.id AS op, op.client_id, usable.id,
                        least(usable.amount, op.takes - (usable.upto - usable.amount))::bigint AS amount
                 FROM op JOIN usable USING (client_id) WHERE usable.upto - usable.amount < op.takes),
               lot AS (
                 UPDATE loyalty_bonuslot l SET remaining = l.remaining - taken.amount FROM taken WHERE l.id = taken.id),
               entry AS (
                 INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                 SELECT op, id, client_id, -amount FROM taken),
               account AS (
                 UPDATE loyalty_bonusaccount a SET posted = a.posted - op.takes
                 FROM op WHERE a.client_id = op.client_id)
               SELECT key, id, takes FROM op""",  # noqa: S608 (a fixed text)
            {
                "clients": [debit.client_id for debit in debits],
                "amounts": [debit.amount for debit in debits],
                "partly": [debit.partly for debit in debits],
                "keys": [debit.key for debit in debits],
                "prints": [debit.fingerprint() for debit in debits],
                "reasons": [debit.reason for debit in debits],
                "kind": BonusOperation.Kind.WITHDRAW,
                "source": source,
                "now": now,
            },
        )
        posted = {key: (operation_id, amount) for key, operation_id, amount in cursor.fetchall()}
    told = [debit for debit in debits if debit.key in posted]
    stream.append(
        stream.platform(),
        [
            Fact(
                f"bonus:{posted[debit.key][0]}",
                "bonus.withdrawn",
                now,
                payload={"amount": posted[debit.key][1], "reason": debit.reason},
                depth=debit.depth,
            )
            for debit in told
        ],
        [debit.client_id for debit in told],
        now,
    )
    return {debit.key: posted.get(debit.key, (0, 0))[1] for debit in debits}
