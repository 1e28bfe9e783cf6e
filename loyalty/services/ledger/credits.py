"""Credits: one implementation for one client and for a million (semantics §31–32, §36)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import BonusOperation
from loyalty.services import stream
from loyalty.services.ledger.accounts import fingerprint, lock
from loyalty.services.ledger.errors import KeyReused


@dataclass(frozen=True, slots=True)
class Grant:
    """One credit: a lot usable from `activates_at` until before `expires_at` (UTC; None: it never burns).

    `warn_days`: how many times 24 hours before the burning to warn; `notify_burn`: whether to tell of the burning.
    """

    client_id: int
    amount: int
    key: str
    activates_at: datetime
    expires_at: datetime | None = None
    reason: str = ""
    # Chain depth of the event that follows (semantics §18).
    depth: int = 0
    warn_days: int | None = None
    notify_burn: bool = False

    def fingerprint(self) -> str:
        return fingerprint("accrue", self.client_id, self.amount, self.expires_at and self.expires_at.isoformat())

    def warn_at(self) -> datetime | None:
        """When to warn, in UTC."""
        if self.warn_days is None or self.expires_at is None:
            return None
        return self.expires_at - timedelta(days=self.warn_days)


def lifetime_end(activates_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """When a lot that lives `days` days burns: the start, in the programme's `zone`, of the day after its last
    usable day, counted from activation (semantics §32). Returned in UTC."""
    last_day = activates_at.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last_day + timedelta(days=1), time.min, tzinfo=zone).astimezone(UTC)


def accrue(source: str, grant: Grant, now: datetime) -> int:
    """Posts one credit; returns its operation's id. The same path as `accrue_many`."""
    return accrue_many(source, [grant], now)[grant.key]


def accrue_many(source: str, grants: Sequence[Grant], now: datetime) -> dict[str, int]:
    """Posts credits, set-based, in the caller's transaction or its own; returns operation ids by key.

    A credit that was posted before is returned, not repeated. A debt is repaid first: the lot begins
    with what is left. Raises `KeyReused`, and ValueError for an amount that is not positive; then
    nothing of the batch is posted.
    """
    if not grants:
        return {}
    if wrong := next((grant for grant in grants if grant.amount <= 0), None):
        raise ValueError(f"amount: a credit must be positive, not {wrong.amount}")
    unique: dict[str, Grant] = {}
    for grant in grants:
        if unique.setdefault(grant.key, grant).fingerprint() != grant.fingerprint():
            raise KeyReused(f"key: {grant.key!r} stands twice in the batch with different contents")
    with transaction.atomic():
        lock(grant.client_id for grant in grants)
        posted = post_credits(source, BonusOperation.Kind.ACCRUE, list(unique.values()), now)
        fresh = [grant for grant in unique.values() if grant.key in posted]
        stream.append(
            stream.platform(),
            [_event(grant, posted[grant.key], now) for grant in fresh],
            [grant.client_id for grant in fresh],
            now,
        )
        if len(fresh) < len(unique):
            posted |= _posted_before(source, [grant for grant in unique.values() if grant.key not in posted])
    return posted


def _event(grant: Grant, operation_id: int, now: datetime) -> Fact:
    return Fact(
        external_id=f"bonus:{operation_id}",
        name="bonus.accrued",
        occurred_at=now,
        payload={
            "amount": grant.amount,
            "reason": grant.reason,
            "activates_at": grant.activates_at.isoformat(),
            "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
        },
        depth=grant.depth,
    )


def post_credits(
    source: str, kind: str, grants: Sequence[Grant], now: datetime, author_id: int | None = None
) -> dict[str, int]:
    """Operations, lots and entries of credits whose accounts are locked; ids by key of those not posted before."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH granted AS (
                 SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
                                      %s::timestamptz[], %s::bool[], %s::text[], %s::text[])
                   AS g(key, client_id, amount, activates_at, expires_at, warn_at, notify_burn, fingerprint, reason)),
               op AS (
                 INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                     author_id, posted_at)
                 SELECT client_id, %s, amount, %s, key, fingerprint, reason, %s, %s FROM granted
                 ON CONFLICT (source, key) DO NOTHING RETURNING id, key, client_id, amount),
               owing AS (
                 SELECT op.*, a.debt,
                        sum(op.amount) OVER (PARTITION BY op.client_id ORDER BY op.id) - op.amount AS earlier
                 FROM op JOIN loyalty_bonusaccount a USING (client_id)),
               settled AS (
                 SELECT id, key, client_id, amount, greatest(0, least(amount, debt - earlier))::bigint AS repaid
                 FROM owing),
               lot AS (
                 INSERT INTO loyalty_bonuslot (client_id, operation_id, amount, remaining, activates_at, expires_at,
                                               warn_at, notify_burn)
                 SELECT s.client_id, s.id, s.amount, s.amount - s.repaid, g.activates_at, g.expires_at, g.warn_at,
                        g.notify_burn
                 FROM settled s JOIN granted g USING (key) RETURNING id, operation_id, client_id, amount, remaining),
               entry AS (
                 INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                 SELECT operation_id, id, client_id, remaining FROM lot WHERE remaining > 0
                 UNION ALL
                 SELECT operation_id, NULL, client_id, amount - remaining FROM lot WHERE remaining < amount),
               account AS (
                 UPDATE loyalty_bonusaccount a SET posted = a.posted + added.amount, debt = a.debt - added.repaid
                 FROM (SELECT client_id, sum(amount)::bigint AS amount, sum(repaid)::bigint AS repaid
                       FROM settled GROUP BY client_id) AS added
                 WHERE a.client_id = added.client_id)
               SELECT key, id FROM op""",
            [
                [grant.key for grant in grants],
                [grant.client_id for grant in grants],
                [grant.amount for grant in grants],
                [grant.activates_at for grant in grants],
                [grant.expires_at for grant in grants],
                [grant.warn_at() for grant in grants],
                [grant.notify_burn for grant in grants],
                [grant.fingerprint() for grant in grants],
                [grant.reason for grant in grants],
                kind,
                source,
                author_id,
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
