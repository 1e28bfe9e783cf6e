"""Replaying the ledger: what the caches say must be what the entries add up to (semantics §31)."""

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class Difference:
    """A cache that does not equal its replay."""

    client_id: int
    what: str
    stored: int
    replayed: int


# Each answers (client, what, stored, replayed) for every row that differs.
_CHECKS = (
    """SELECT l.client_id, 'lot ' || l.id || ': remaining', l.remaining, coalesce(e.amount, 0)
       FROM loyalty_bonuslot l
       LEFT JOIN (SELECT lot_id, sum(amount)::bigint AS amount FROM loyalty_bonusentry WHERE lot_id IS NOT NULL
                  GROUP BY lot_id) e ON e.lot_id = l.id
       WHERE l.remaining <> coalesce(e.amount, 0)""",
    """SELECT o.client_id, 'operation ' || o.id || ': amount', o.amount, coalesce(e.amount, 0)
       FROM loyalty_bonusoperation o
       LEFT JOIN (SELECT operation_id, sum(amount)::bigint AS amount FROM loyalty_bonusentry GROUP BY operation_id) e
         ON e.operation_id = o.id
       WHERE o.amount <> coalesce(e.amount, 0)""",
    """SELECT client_id, 'account: posted', coalesce(a.posted, 0), coalesce(e.amount, 0)
       FROM loyalty_bonusaccount a
       FULL JOIN (SELECT client_id, sum(amount)::bigint AS amount FROM loyalty_bonusentry GROUP BY client_id) e
         USING (client_id)
       WHERE coalesce(a.posted, 0) <> coalesce(e.amount, 0)""",
    """SELECT client_id, 'account: debt', coalesce(a.debt, 0), coalesce(e.amount, 0)
       FROM loyalty_bonusaccount a
       FULL JOIN (SELECT client_id, -sum(amount)::bigint AS amount FROM loyalty_bonusentry WHERE lot_id IS NULL
                  GROUP BY client_id) e USING (client_id)
       WHERE coalesce(a.debt, 0) <> coalesce(e.amount, 0)""",
    """SELECT h.client_id, 'hold ' || h.id || ': allocations', h.amount, coalesce(sum(a.amount), 0)::bigint
       FROM loyalty_bonushold h LEFT JOIN loyalty_bonusholdallocation a ON a.hold_id = h.id
       GROUP BY h.id HAVING h.amount <> coalesce(sum(a.amount), 0)""",
)


def audit() -> list[Difference]:
    """Every cache that differs from the replay of the entries; empty: the ledger is right."""
    found = []
    with connection.cursor() as cursor:
        for check in _CHECKS:
            cursor.execute(check)
            found += [Difference(*row) for row in cursor.fetchall()]
    return found
