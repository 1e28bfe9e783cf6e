"""The verbs of the bonus ledger (semantics §30–37). Amounts: integer minor units of the programme.

Every verb locks the accounts first, several in id order, so that two writers queue and never
deadlock; the constraints of the tables are the backstop. Repeating a verb with the same source and
key returns what was posted; with another content it is `KeyReused`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import BonusAccount, BonusLot, BonusOperation
from loyalty.services import stream


class LedgerError(Exception):
    """A verb that the ledger refuses; nothing was changed."""


class KeyReused(LedgerError):
    """The same (source, key) was posted before with another content (HTTP 409, semantics §36)."""


class InsufficientBonuses(LedgerError):
    """More was asked for than is available now."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One credit: a lot usable from `activates_at` until before `expires_at` (UTC; None: it never burns)."""

    client_id: int
    amount: int
    key: str
    activates_at: datetime
    expires_at: datetime | None = None
    reason: str = ""
    # Chain depth of the event that follows (semantics §18).
    depth: int = 0

    def fingerprint(self) -> str:
        return _fingerprint("accrue", self.client_id, self.amount, self.expires_at and self.expires_at.isoformat())


@dataclass(frozen=True, slots=True)
class Balance:
    """What a client has at a moment: usable now, and granted but not active yet."""

    available: int = 0
    pending: int = 0


def _fingerprint(*parts: object) -> str:
    return sha256("|".join(map(str, parts)).encode()).hexdigest()


def lifetime_end(activates_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """When a lot that lives `days` days burns: the start, in the programme's `zone`, of the day after its last
    usable day, counted from activation (semantics §32). Returned in UTC."""
    last_day = activates_at.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last_day + timedelta(days=1), time.min, tzinfo=zone).astimezone(UTC)


def _lock_accounts(client_ids: Iterable[int]) -> None:
    wanted = sorted(set(client_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loyalty_bonusaccount (client_id, posted)
               SELECT c, 0 FROM unnest(%s::bigint[]) AS c ON CONFLICT DO NOTHING""",
            [wanted],
        )
        cursor.execute(
            """SELECT 1 FROM loyalty_bonusaccount WHERE client_id = ANY(%s) ORDER BY client_id FOR NO KEY UPDATE""",
            [wanted],
        )


def accrue(source: str, grant: Grant, now: datetime) -> int:
    """Posts one credit; returns its operation's id. The same path as `accrue_many`."""
    return accrue_many(source, [grant], now)[grant.key]


def accrue_many(source: str, grants: Sequence[Grant], now: datetime) -> dict[str, int]:
    """Posts credits, set-based, in the caller's transaction or its own; returns operation ids by key.

    A credit that was posted before is returned, not repeated. Raises `KeyReused`, and
    ValueError for an amount that is not positive; then nothing of the batch is posted.
    """
    if not grants:
        return {}
    if wrong := next((grant for grant in grants if grant.amount <= 0), None):
        raise ValueError(f"amount: a credit must be positive, not {wrong.amount}")
    with transaction.atomic():
        _lock_accounts(grant.client_id for grant in grants)
        posted = _post_grants(source, grants, now)
        stream.append(
            stream.platform(),
            [
                Fact(
                    external_id=f"bonus:{posted[grant.key]}",
                    name="bonus.accrued",
                    occurred_at=now,
                    payload={
                        "amount": grant.amount,
                        "reason": grant.reason,
                        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
                    },
                    depth=grant.depth,
                )
                for grant in grants
                if grant.key in posted
            ],
            [grant.client_id for grant in grants if grant.key in posted],
            now,
        )
        if len(posted) < len({grant.key for grant in grants}):
            posted |= _posted_before(source, [grant for grant in grants if grant.key not in posted])
    return posted


def _post_grants(source: str, grants: Sequence[Grant], now: datetime) -> dict[str, int]:
    unique = list({grant.key: grant for grant in reversed(grants)}.values())
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH granted AS (
                 SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
                                      %s::text[], %s::text[])
                   AS g(key, client_id, amount, activates_at, expires_at, fingerprint, reason)),
               op AS (
                 INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                     posted_at)
                 SELECT client_id, 'accrue', amount, %s, key, fingerprint, reason, %s FROM granted
                 ON CONFLICT (source, key) DO NOTHING RETURNING id, key, client_id, amount),
               lot AS (
                 INSERT INTO loyalty_bonuslot (client_id, operation_id, amount, remaining, activates_at, expires_at)
                 SELECT op.client_id, op.id, op.amount, op.amount, granted.activates_at, granted.expires_at
                 FROM op JOIN granted USING (key) RETURNING id, operation_id, client_id, amount),
               entry AS (
                 INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                 SELECT operation_id, id, client_id, amount FROM lot),
               account AS (
                 UPDATE loyalty_bonusaccount a SET posted = a.posted + added.amount
                 FROM (SELECT client_id, sum(amount)::bigint AS amount FROM op GROUP BY client_id) AS added
                 WHERE a.client_id = added.client_id)
               SELECT key, id FROM op""",
            [
                [grant.key for grant in unique],
                [grant.client_id for grant in unique],
                [grant.amount for grant in unique],
                [grant.activates_at for grant in unique],
                [grant.expires_at for grant in unique],
                [grant.fingerprint() for grant in unique],
                [grant.reason for grant in unique],
                source,
                now,
            ],
        )
        return dict(cursor.fetchall())


def _posted_before(source: str, grants: Sequence[Grant]) -> dict[str, int]:
    known = {
        operation.key: operation
        for operation in BonusOperation.objects.filter(source=source, key__in=[grant.key for grant in grants])
    }
    for grant in grants:
        if known[grant.key].fingerprint != grant.fingerprint():
            raise KeyReused(f"key: {grant.key!r} was posted before with another content")
    return {key: operation.pk for key, operation in known.items()}


def balance(client_id: int, now: datetime) -> Balance:
    """What the client has at `now`, by time alone: no sweep needs to have run (semantics §32)."""
    return balances([client_id], now).get(client_id, Balance())


def balances(client_ids: Iterable[int], now: datetime) -> dict[int, Balance]:
    """`balance` of many clients in one query; clients without lots are absent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT client_id,
                      coalesce(sum(remaining) FILTER (WHERE activates_at <= %(now)s), 0)::bigint,
                      coalesce(sum(remaining) FILTER (WHERE activates_at > %(now)s), 0)::bigint
               FROM loyalty_bonuslot
               WHERE client_id = ANY(%(ids)s) AND remaining > 0 AND (expires_at IS NULL OR expires_at > %(now)s)
               GROUP BY client_id""",
            {"ids": list(client_ids), "now": now},
        )
        return {client_id: Balance(available, pending) for client_id, available, pending in cursor.fetchall()}


def spend(source: str, client_id: int, amount: int, key: str, now: datetime, reason: str = "") -> int:
    """Spends bonuses, soonest expiry first (semantics §33); returns the operation's id.

    The check of what is available and the spending are one query over the lots.
    Raises `InsufficientBonuses`, `KeyReused`, and ValueError for an amount that is not positive.
    """
    if amount <= 0:
        raise ValueError(f"amount: a debit must be positive, not {amount}")
    fingerprint = _fingerprint("spend", client_id, amount)
    with transaction.atomic():
        _lock_accounts([client_id])
        known = BonusOperation.objects.filter(source=source, key=key).first()
        if known:
            if known.fingerprint != fingerprint:
                raise KeyReused(f"key: {key!r} was posted before with another content")
            return known.pk
        with connection.cursor() as cursor:
            cursor.execute(
                """WITH usable AS (
                     SELECT id, remaining,
                            sum(remaining) OVER (ORDER BY expires_at NULLS LAST, activates_at, id) AS upto
                     FROM loyalty_bonuslot
                     WHERE client_id = %(client)s AND remaining > 0 AND activates_at <= %(now)s
                       AND (expires_at IS NULL OR expires_at > %(now)s)),
                   op AS (
                     INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                         posted_at)
                     SELECT %(client)s, 'spend', -%(amount)s::bigint, %(source)s, %(key)s, %(fingerprint)s, %(reason)s,
                            %(now)s
                     WHERE (SELECT coalesce(max(upto), 0) FROM usable) >= %(amount)s
                     RETURNING id),
                   taken AS (
                     SELECT usable.id, least(remaining, %(amount)s - (upto - remaining))::bigint AS amount, op.id AS op
                     FROM usable, op WHERE upto - remaining < %(amount)s),
                   lot AS (
                     UPDATE loyalty_bonuslot l SET remaining = l.remaining - taken.amount
                     FROM taken WHERE l.id = taken.id),
                   entry AS (
                     INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                     SELECT op, id, %(client)s, -amount FROM taken),
                   account AS (
                     UPDATE loyalty_bonusaccount SET posted = posted - %(amount)s
                     WHERE client_id = %(client)s AND EXISTS (SELECT 1 FROM op))
                   SELECT id FROM op""",
                {
                    "client": client_id,
                    "amount": amount,
                    "source": source,
                    "key": key,
                    "fingerprint": fingerprint,
                    "reason": reason,
                    "now": now,
                },
            )
            row = cursor.fetchone()
        if row is None:
            raise InsufficientBonuses(f"amount: {amount} is more than the client has available")
        stream.append(
            stream.platform(),
            [Fact(f"bonus:{row[0]}", "bonus.spent", now, payload={"amount": amount, "reason": reason})],
            [client_id],
            now,
        )
    return row[0]


def burn_lapsed(now: datetime, limit: int = 5000) -> int:
    """Posts the burning of lots that lapsed by `now`; returns how many lots were closed.

    Only bookkeeping: what is spendable never depends on it (semantics §32). Sweeping twice is sweeping once.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """SELECT client_id FROM loyalty_bonuslot WHERE remaining > 0 AND expires_at <= %s
               ORDER BY expires_at LIMIT %s""",
            [now, limit],
        )
        clients = sorted({client_id for (client_id,) in cursor.fetchall()})
        if not clients:
            return 0
        _lock_accounts(clients)
        cursor.execute(
            """WITH lapsed AS (
                 SELECT id, client_id, remaining, expires_at FROM loyalty_bonuslot
                 WHERE client_id = ANY(%(clients)s) AND remaining > 0 AND expires_at <= %(now)s),
               op AS (
                 INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                     posted_at)
                 SELECT client_id, 'burn', -remaining, 'ledger', 'burn:' || id, 'burn:' || id, '', %(now)s FROM lapsed
                 RETURNING id, key),
               lot AS (
                 UPDATE loyalty_bonuslot l SET remaining = 0 FROM lapsed WHERE l.id = lapsed.id),
               entry AS (
                 INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                 SELECT op.id, lapsed.id, lapsed.client_id, -lapsed.remaining
                 FROM lapsed JOIN op ON op.key = 'burn:' || lapsed.id),
               account AS (
                 UPDATE loyalty_bonusaccount a SET posted = a.posted - gone.amount
                 FROM (SELECT client_id, sum(remaining)::bigint AS amount FROM lapsed GROUP BY client_id) AS gone
                 WHERE a.client_id = gone.client_id)
               SELECT lapsed.id, lapsed.client_id, lapsed.remaining, lapsed.expires_at FROM lapsed""",
            {"clients": clients, "now": now},
        )
        burnt = cursor.fetchall()
        stream.append(
            stream.platform(),
            [
                Fact(f"burn:{lot_id}", "bonus.expired", expires_at, payload={"amount": amount, "lot": lot_id})
                for lot_id, _client_id, amount, expires_at in burnt
            ],
            [client_id for _lot_id, client_id, _amount, _expires_at in burnt],
            now,
        )
        return len(burnt)


def move(guest: int, into: int, key: str, now: datetime) -> None:
    """Moves what is left on the lots of one client to another, with the same dates (a merge of clients)."""
    with transaction.atomic():
        _lock_accounts([guest, into])
        lots = list(BonusLot.objects.filter(client_id=guest, remaining__gt=0).order_by("pk"))
        total = sum(lot.remaining for lot in lots)
        if not total:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """WITH op AS (
                     INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                         posted_at)
                     VALUES (%(guest)s, 'merge', -%(total)s::bigint, 'ledger', %(key)s || ':out', %(key)s, '', %(now)s),
                            (%(into)s, 'merge', %(total)s, 'ledger', %(key)s || ':in', %(key)s, '', %(now)s)
                     RETURNING id, client_id),
                   old AS (SELECT * FROM loyalty_bonuslot WHERE client_id = %(guest)s AND remaining > 0),
                   emptied AS (UPDATE loyalty_bonuslot l SET remaining = 0 FROM old WHERE l.id = old.id),
                   lot AS (
                     INSERT INTO loyalty_bonuslot (client_id, operation_id, amount, remaining, activates_at, expires_at)
                     SELECT op.client_id, op.id, old.remaining, old.remaining, old.activates_at, old.expires_at
                     FROM old, op WHERE op.client_id = %(into)s
                     RETURNING id, operation_id, client_id, amount)
                   INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                   SELECT operation_id, id, client_id, amount FROM lot
                   UNION ALL
                   SELECT op.id, old.id, old.client_id, -old.remaining FROM old, op WHERE op.client_id = %(guest)s""",
                {"guest": guest, "into": into, "total": total, "key": key, "now": now},
            )
        for client_id, change in ((guest, -total), (into, total)):
            account = BonusAccount.objects.get(client_id=client_id)
            account.posted += change
            account.save(update_fields=["posted"])
