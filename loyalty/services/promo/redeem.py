"""Using a code: never above its limits, whoever asks at the same time (semantics §42)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import PromoRedemption
from loyalty.services import stream
from loyalty.services.promo import guard
from loyalty.services.promo.offer import (
    Judged,
    KeyReused,
    Offer,
    PromoRefused,
    Reason,
    find,
    fingerprint,
    judge,
)


def check(code: str, client_id: int | None, order_total: int | None, now: datetime, *, caller: str = "") -> Offer:
    """What the code would give the client for an order of `order_total` (minor units; None: not known yet).

    Changes nothing but the log of refusals, which is why it must not be called inside a transaction that a
    refusal rolls back. `caller` names who asks (an API key), for throttling. Raises PromoRefused.
    """
    return _guarded(code, client_id, order_total, now, caller).offer()


def redeem(
    code: str,
    client_id: int | None,
    order_ref: str,
    key: str,
    now: datetime,
    *,
    order_total: int | None = None,
    source: str = "api",
    caller: str = "",
) -> PromoRedemption:
    """Uses the code once for an order; repeating it with the same (source, key) returns the stored use.

    So does repeating it for the same order, whatever the key. Raises PromoRefused (counted and logged: do not
    call inside a transaction that a refusal rolls back), KeyReused.
    """
    found = find(code)
    content = fingerprint("redeem", found and found.normal, client_id, order_ref)
    known = _known(source, key, content)
    if known:
        return known
    try:
        guard.admit(caller, client_id, now)
        with transaction.atomic():
            if client_id is not None and found:
                # The limit by client spans the codes of a pool, so it is decided one at a time.
                _lock_client(found.pool_id, client_id)
            elif found and found.client_id:
                _lock_client(found.pool_id, found.client_id)
            if found and order_ref and (used := _used_for(found.pk, client_id, order_ref)):
                return used
            judged = judge(found, client_id, order_total, now)
            return _use(judged, order_ref, order_total, source, key, content, now)
    except PromoRefused as refused:
        # Somebody else may have posted the same request a moment ago.
        known = _known(source, key, content) or (
            _used_for(found.pk, client_id, order_ref) if found and order_ref else None
        )
        if known:
            return known
        guard.note(code, refused.reason, caller, client_id, now)
        raise


def _guarded(code: str, client_id: int | None, order_total: int | None, now: datetime, caller: str) -> Judged:
    try:
        guard.admit(caller, client_id, now)
        return judge(find(code), client_id, order_total, now)
    except PromoRefused as refused:
        guard.note(code, refused.reason, caller, client_id, now)
        raise


def _known(source: str, key: str, content: str) -> PromoRedemption | None:
    known = PromoRedemption.objects.select_related("code", "pool").filter(source=source, key=key).first()
    if known and known.fingerprint != content:
        raise KeyReused(f"key: {key!r} was used before with another content")
    return known


def _used_for(code_id: int, client_id: int | None, order_ref: str) -> PromoRedemption | None:
    """The use of this code for this order by this client, where there is one that stands."""
    used = PromoRedemption.objects.select_related("code", "pool").filter(
        code=code_id, order_ref=order_ref, cancelled_at=None
    )
    if client_id is not None:
        used = used.filter(client=client_id)
    return used.first()


def _lock_client(pool_id: int, client_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('promo:' || %s || ':' || %s, 11))", [pool_id, client_id]
        )


def _use(
    judged: Judged, order_ref: str, order_total: int | None, source: str, key: str, content: str, now: datetime
) -> PromoRedemption:
    """The conditional UPDATE and the row that it pays for, in one statement: both or neither."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH used AS (
                 UPDATE loyalty_promocode SET uses = uses + 1
                 WHERE id = %(code)s AND NOT blocked AND (max_uses IS NULL OR uses < max_uses) RETURNING id)
               INSERT INTO loyalty_promoredemption (code_id, pool_id, client_id, order_ref, order_total, source, key,
                                                    fingerprint, redeemed_at)
               SELECT id, %(pool)s, %(client)s, %(order)s, %(total)s, %(source)s, %(key)s, %(content)s, %(now)s
               FROM used ON CONFLICT DO NOTHING RETURNING id""",
            {
                "code": judged.code.pk,
                "pool": judged.code.pool_id,
                "client": judged.client_id,
                "order": order_ref,
                "total": order_total,
                "source": source,
                "key": key,
                "content": content,
                "now": now,
            },
        )
        row = cursor.fetchone()
    if row is None:
        # Used up meanwhile, or the same request won a race: the transaction gives the use back, if one was taken.
        raise PromoRefused(Reason.USED_UP)
    if judged.client_id is not None:
        code = judged.code
        stream.append(
            stream.platform(),
            [
                Fact(
                    f"promo-use:{row[0]}",
                    "promo.redeemed",
                    now,
                    payload={"code": code.code, "pool": code.pool.slug, "order_id": order_ref},
                )
            ],
            [judged.client_id],
            now,
        )
    return PromoRedemption.objects.select_related("code", "pool").get(pk=row[0])


def cancel(redemption_id: int, now: datetime) -> bool:
    """Takes a use back: the code may be used once more. Cancelling twice is cancelling once; answers whether it did."""
    return bool(_cancel("id = ANY(%(ids)s)", {"ids": [redemption_id], "now": now}))


def cancel_for_orders(orders: Sequence[tuple[str, int | None]], now: datetime) -> int:
    """Takes back the uses for cancelled orders (their id in the shop, their client); returns how many.

    Two shops may number alike: a use by one client is not taken back by another client's order.
    """
    if not orders:
        return 0
    return _cancel(
        """order_ref <> '' AND EXISTS (
             SELECT 1 FROM unnest(%(refs)s::text[], %(clients)s::bigint[]) AS o(ref, client_id)
             WHERE o.ref = r.order_ref AND (o.client_id = r.client_id OR o.client_id IS NULL OR r.client_id IS NULL))
           AND order_ref = ANY(%(refs)s)""",
        {"refs": [ref for ref, _ in orders], "clients": [client_id for _, client_id in orders], "now": now},
    )


def _cancel(which: str, values: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""WITH held AS (
                  SELECT r.id, r.code_id FROM loyalty_promoredemption r
                  WHERE cancelled_at IS NULL AND {which} ORDER BY r.code_id, r.id FOR UPDATE),
                cancelled AS (
                  UPDATE loyalty_promoredemption r SET cancelled_at = %(now)s FROM held
                  WHERE r.id = held.id RETURNING r.id, r.code_id),
                code AS (
                  UPDATE loyalty_promocode c SET uses = c.uses - n.number
                  FROM (SELECT code_id, count(*) AS number FROM cancelled GROUP BY code_id) AS n
                  WHERE c.id = n.code_id)
                SELECT count(*) FROM cancelled""",  # noqa: S608 (fixed texts of this module)
            values,
        )
        return cursor.fetchone()[0]
