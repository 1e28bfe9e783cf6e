"""Accounts: locking them, and what is on them at a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import connection

# What open holds reserve of each lot; a hold past its deadline reserves nothing (semantics §34).
HELD = """SELECT a.lot_id, sum(a.amount)::bigint AS amount
          FROM loyalty_bonushold h JOIN loyalty_bonusholdallocation a ON a.hold_id = h.id
          WHERE h.client_id = ANY(%(clients)s) AND h.state = 'open' AND h.deadline > %(now)s
          GROUP BY a.lot_id"""


@dataclass(frozen=True, slots=True)
class Balance:
    """What a client has at a moment: usable now, granted but not active yet, set aside by holds, and owed."""

    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0


def fingerprint(*parts: object) -> str:
    """The content of a verb: what a repetition under the same key must equal."""
    return sha256("|".join(map(str, parts)).encode()).hexdigest()


def lock(client_ids: Iterable[int]) -> None:
    """Locks the accounts in id order, opening those that do not exist yet (semantics §37)."""
    wanted = sorted(set(client_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loyalty_bonusaccount (client_id, posted, debt)
               SELECT c, 0, 0 FROM unnest(%s::bigint[]) AS c ON CONFLICT DO NOTHING""",
            [wanted],
        )
        cursor.execute(
            "SELECT 1 FROM loyalty_bonusaccount WHERE client_id = ANY(%s) ORDER BY client_id FOR NO KEY UPDATE",
            [wanted],
        )


def balance(client_id: int, now: datetime) -> Balance:
    """What the client has at `now`, by time alone: no sweep needs to have run (semantics §32)."""
    return balances([client_id], now).get(client_id, Balance())


def balances(client_ids: Iterable[int], now: datetime) -> dict[int, Balance]:
    """`balance` of many clients in one query; clients without an account are absent."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH held AS ({HELD})
               SELECT a.client_id, coalesce(l.available, 0), coalesce(l.pending, 0), coalesce(l.held, 0), a.debt
               FROM loyalty_bonusaccount a
               LEFT JOIN (
                 SELECT lot.client_id,
                        (sum(remaining - coalesce(held.amount, 0)) FILTER (
                          WHERE activates_at <= %(now)s AND (expires_at IS NULL OR expires_at > %(now)s)))::bigint
                          AS available,
                        (sum(remaining) FILTER (WHERE activates_at > %(now)s))::bigint AS pending,
                        sum(held.amount)::bigint AS held
                 FROM loyalty_bonuslot lot LEFT JOIN held ON held.lot_id = lot.id
                 WHERE lot.client_id = ANY(%(clients)s) AND remaining > 0
                 GROUP BY lot.client_id) AS l USING (client_id)
               WHERE a.client_id = ANY(%(clients)s)""",  # noqa: S608 (a fixed text of this module)
            {"clients": list(client_ids), "now": now},
        )
        return {client_id: Balance(*amounts) for client_id, *amounts in cursor.fetchall()}
