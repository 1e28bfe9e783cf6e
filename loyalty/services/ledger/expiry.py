"""Burning and its warnings (semantics §32, §38). Only bookkeeping and news: what is spendable depends on neither."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.services import stream
from loyalty.services.ledger.accounts import HELD, lock

LotRow = tuple[int, int, int, datetime, bool]  # lot, client, amount, burns at, notify


def burn_lapsed(now: datetime, zone: ZoneInfo, limit: int = 5000) -> int:
    """Posts the burning of what lapsed by `now`; returns how many lots were burnt. Sweeping twice is sweeping once.

    What an open hold reserves stays until the hold is resolved or past its deadline. The news are one
    event a client and day (`bonus.expired`), the day being the programme's.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """SELECT l.client_id FROM loyalty_bonuslot l
               WHERE l.remaining > 0 AND l.expires_at <= %(now)s
                 AND l.remaining > coalesce((
                   SELECT sum(a.amount) FROM loyalty_bonusholdallocation a JOIN loyalty_bonushold h ON h.id = a.hold_id
                   WHERE a.lot_id = l.id AND h.state = 'open' AND h.deadline > %(now)s), 0)
               ORDER BY l.expires_at LIMIT %(limit)s""",
            {"now": now, "limit": limit},
        )
        clients = sorted({client_id for (client_id,) in cursor.fetchall()})
        if not clients:
            return 0
        lock(clients)
        cursor.execute(
            f"""WITH held AS ({HELD}),
               lapsed AS (
                 SELECT l.id, l.client_id, (l.remaining - coalesce(held.amount, 0))::bigint AS amount, l.remaining,
                        l.expires_at, l.notify_burn
                 FROM loyalty_bonuslot l LEFT JOIN held ON held.lot_id = l.id
                 WHERE l.client_id = ANY(%(clients)s) AND l.remaining > coalesce(held.amount, 0)
                   AND l.expires_at <= %(now)s),
               op AS (
                 INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                     posted_at)
                 -- A lot may burn in parts, each time with less on it: the key is new each time.
                 SELECT client_id, 'burn', -amount, 'ledger', 'burn:' || id || ':' || remaining, 'burn', '', %(now)s
                 FROM lapsed ORDER BY expires_at, id RETURNING id, key),
               lot AS (
                 UPDATE loyalty_bonuslot l SET remaining = l.remaining - lapsed.amount
                 FROM lapsed WHERE l.id = lapsed.id),
               entry AS (
                 INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
                 SELECT op.id, lapsed.id, lapsed.client_id, -lapsed.amount
                 FROM lapsed JOIN op ON op.key = 'burn:' || lapsed.id || ':' || lapsed.remaining),
               account AS (
                 UPDATE loyalty_bonusaccount a SET posted = a.posted - gone.amount
                 FROM (SELECT client_id, sum(amount)::bigint AS amount FROM lapsed GROUP BY client_id) AS gone
                 WHERE a.client_id = gone.client_id)
               SELECT id, client_id, amount, expires_at, notify_burn FROM lapsed ORDER BY id""",  # noqa: S608 (fixed)
            {"clients": clients, "now": now},
        )
        burnt: list[LotRow] = cursor.fetchall()
        _tell("bonus.expired", burnt, zone, now)
        return len(burnt)


def warn_expiring(now: datetime, zone: ZoneInfo, limit: int = 5000) -> int:
    """Tells of bonuses that burn soon, each lot at most once; returns how many lots were dealt with.

    One event a client and day of burning (`bonus.expiring`). A lot that is spent or gone is passed over silently.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """UPDATE loyalty_bonuslot l SET warn_at = NULL
               WHERE id IN (SELECT id FROM loyalty_bonuslot WHERE warn_at <= %(now)s ORDER BY warn_at LIMIT %(limit)s
                            FOR UPDATE SKIP LOCKED)
               RETURNING id, client_id, remaining, expires_at, true""",
            {"now": now, "limit": limit},
        )
        due: list[LotRow] = sorted(cursor.fetchall())
        _tell("bonus.expiring", [row for row in due if row[2] > 0 and row[3] > now], zone, now)
        return len(due)


def _tell(name: str, rows: Iterable[LotRow], zone: ZoneInfo, now: datetime) -> None:
    """One event a client and day of burning, with the sum."""
    merged: dict[tuple[int, str], list[LotRow]] = {}
    for row in rows:
        merged.setdefault((row[1], row[3].astimezone(zone).date().isoformat()), []).append(row)
    facts = [
        Fact(
            external_id=f"{name}:{lots[0][0]}:{lots[0][2]}",
            name=name,
            occurred_at=now,
            payload={
                "amount": sum(lot[2] for lot in lots),
                "date": day,
                "lots": [lot[0] for lot in lots],
                "notify": any(lot[4] for lot in lots),
            },
        )
        for (_client, day), lots in merged.items()
    ]
    stream.append(stream.platform(), facts, [client_id for client_id, _day in merged], now)
