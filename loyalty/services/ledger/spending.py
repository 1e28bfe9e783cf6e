"""Spending, and corrections by hand (semantics §33)."""

from datetime import datetime

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import BonusOperation
from loyalty.services import stream
from loyalty.services.ledger.accounts import HELD, fingerprint, lock
from loyalty.services.ledger.credits import Grant, post_credits
from loyalty.services.ledger.errors import InsufficientBonuses, KeyReused

# Lots with something free on them, soonest expiry first, never-expiring last, then activation, then id; `upto` is
# what they hold together so far. Whatever consumes or reserves reads from here (semantics §33).
USABLE = f"""held AS ({HELD}),
   free AS (
     SELECT l.id, l.expires_at, l.activates_at, (l.remaining - coalesce(held.amount, 0))::bigint AS amount
     FROM loyalty_bonuslot l LEFT JOIN held ON held.lot_id = l.id
     WHERE l.client_id = ANY(%(clients)s) AND l.remaining > 0 AND l.activates_at <= %(now)s
       AND (l.expires_at IS NULL OR l.expires_at > %(now)s)),
   usable AS (
     SELECT id, amount, (sum(amount) OVER (ORDER BY expires_at NULLS LAST, activates_at, id))::bigint AS upto
     FROM free WHERE amount > 0)"""  # noqa: S608 (a fixed text)


def spend(source: str, client_id: int, amount: int, key: str, now: datetime, reason: str = "") -> int:
    """Spends bonuses, soonest expiry first (semantics §33); returns the operation's id.

    The check of what is available and the spending are one query over the lots.
    Raises `InsufficientBonuses`, `KeyReused`, and ValueError for an amount that is not positive.
    """
    return _take(source, BonusOperation.Kind.SPEND, client_id, amount, key, now, reason, None)


def correct(
    source: str,
    client_id: int,
    amount: int,
    key: str,
    now: datetime,
    reason: str,
    author_id: int | None,
    expires_at: datetime | None = None,
) -> int:
    """A correction by a person: adds a lot, or takes from the lots; returns the operation's id.

    Raises `InsufficientBonuses` (a correction makes no debt), `KeyReused`, and ValueError for an amount
    of zero or a missing reason.
    """
    if not amount:
        raise ValueError("amount: a correction must not be zero")
    if not reason.strip():
        raise ValueError("reason: a correction needs one")
    kind = BonusOperation.Kind.CORRECT
    if amount < 0:
        return _take(source, kind, client_id, -amount, key, now, reason, author_id)
    grant = Grant(client_id, amount, key, now, expires_at, reason)
    with transaction.atomic():
        lock([client_id])
        if known := _posted(source, key, grant.fingerprint()):
            return known
        operation_id = post_credits(source, kind, [grant], now, author_id)[key]
        tell("bonus.accrued", operation_id, client_id, amount, reason, now)
    return operation_id


def _posted(source: str, key: str, content: str) -> int | None:
    known = BonusOperation.objects.filter(source=source, key=key).only("pk", "fingerprint").first()
    if known and known.fingerprint != content:
        raise KeyReused(f"key: {key!r} was posted before with another content")
    return known.pk if known else None


def tell(name: str, operation_id: int, client_id: int, amount: int, reason: str, now: datetime) -> None:
    """The event that follows an operation."""
    fact = Fact(f"bonus:{operation_id}", name, now, payload={"amount": amount, "reason": reason})
    stream.append(stream.platform(), [fact], [client_id], now)


def _take(
    source: str,
    kind: str,
    client_id: int,
    amount: int,
    key: str,
    now: datetime,
    reason: str,
    author_id: int | None,
) -> int:
    if amount <= 0:
        raise ValueError(f"amount: a debit must be positive, not {amount}")
    content = fingerprint(kind, client_id, amount)
    with transaction.atomic():
        lock([client_id])
        if known := _posted(source, key, content):
            return known
        with connection.cursor() as cursor:
            cursor.execute(
                f"""WITH {USABLE},
                   op AS (
                     INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                         author_id, posted_at)
                     SELECT %(client)s, %(kind)s, -%(amount)s::bigint, %(source)s, %(key)s, %(content)s, %(reason)s,
                            %(author)s::bigint, %(now)s
                     WHERE (SELECT coalesce(max(upto), 0) FROM usable) >= %(amount)s
                     RETURNING id),
                   taken AS (
                     SELECT usable.id, least(amount, %(amount)s - (upto - amount))::bigint AS amount, op.id AS op
                     FROM usable, op WHERE upto - amount < %(amount)s),
                   lot AS (
                     UPDATE loyalty_bonuslot l SET remaining = l.remaining - taken.amount
                     FROM taken WHERE l.id = taken.id),
                   entry AS (
                     INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                     SELECT op, id, %(client)s, -amount FROM taken),
                   account AS (
                     UPDATE loyalty_bonusaccount SET posted = posted - %(amount)s
                     WHERE client_id = %(client)s AND EXISTS (SELECT 1 FROM op))
                   SELECT id FROM op""",  # noqa: S608 (fixed texts of this module)
                {
                    "clients": [client_id],
                    "client": client_id,
                    "kind": kind,
                    "amount": amount,
                    "source": source,
                    "key": key,
                    "content": content,
                    "reason": reason,
                    "author": author_id,
                    "now": now,
                },
            )
            row = cursor.fetchone()
        if row is None:
            raise InsufficientBonuses(f"amount: {amount} is more than the client has available")
        tell("bonus.spent", row[0], client_id, amount, reason, now)
    return row[0]
