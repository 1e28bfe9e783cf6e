"""Handing codes out, set-based, in the caller's transaction (semantics §42, §54)."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from loyalty.intake.facts import Fact
from loyalty.models import PromoPool
from loyalty.services import stream
from loyalty.services.ledger import lifetime_end

log = logging.getLogger(__name__)


class Ask(NamedTuple):
    """A client to be given a code, once per key of the pool."""

    client_id: int
    key: str
    # Chain depth of the event that follows (semantics §18).
    depth: int = 0


def issue_many(pool_id: int, asked: Sequence[Ask | tuple[int, str]], now: datetime) -> dict[str, str | None]:
    """Issues a code for every key; returns the codes by key, None where the pool is dry, ended or switched off.

    A key that was issued before gets its code again. Issuers side by side skip each other's codes; the
    same key twice at once is an IntegrityError for the later one. Raises PromoPool.DoesNotExist.
    """
    asks = sorted({ask.key: ask for ask in (Ask(*item) for item in asked)}.values(), key=lambda ask: ask.key)
    if not asks:
        return {}
    pool = PromoPool.objects.get(pk=pool_id)
    with transaction.atomic():
        codes = _issued(pool, [ask.key for ask in asks])
        fresh = [ask for ask in asks if ask.key not in codes]
        if fresh and pool.active and not (pool.ends_at and pool.ends_at <= now):
            codes |= _issue(pool, fresh, now)
        missed = [ask.key for ask in asks if ask.key not in codes]
        if missed:
            _mark_dry(pool, now)
    return codes | dict.fromkeys(missed)


def expiry(pool: PromoPool, issued_at: datetime) -> datetime | None:
    """When a code issued at that moment stops being valid: the earlier of the pool's end and its own days."""
    ends = [pool.ends_at] if pool.ends_at else []
    if pool.days_after_issue:
        ends.append(lifetime_end(issued_at, pool.days_after_issue, timezone.get_default_timezone()))
    return min(ends, default=None)


def last_day(expires_at: datetime | None) -> str:
    """The last day on which a code may be used, in the programme's zone, as 2026-12-31; empty: no end."""
    if expires_at is None:
        return ""
    return (expires_at - timedelta(microseconds=1)).astimezone(timezone.get_default_timezone()).date().isoformat()


def _issued(pool: PromoPool, keys: list[str]) -> dict[str, str | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT i.key, c.code FROM loyalty_promoissue i JOIN loyalty_promocode c ON c.id = i.code_id
               WHERE i.pool_id = %s AND i.key = ANY(%s)""",
            [pool.pk, keys],
        )
        return dict(cursor.fetchall())


# A code of its own for everybody, from the low end of what is left; locked ones are another issuer's.
_PERSONAL = """
    free AS (
      SELECT id, code, row_number() OVER (ORDER BY id) AS place FROM (
        SELECT id, code FROM loyalty_promocode
        WHERE pool_id = %(pool)s AND issued_at IS NULL AND NOT blocked
        ORDER BY id LIMIT %(count)s FOR UPDATE SKIP LOCKED) AS f),
    pair AS (SELECT asked.*, free.id AS code_id, free.code FROM asked JOIN free USING (place)),
    taken AS (
      UPDATE loyalty_promocode c SET client_id = pair.client_id, issued_at = %(now)s
      FROM pair WHERE c.id = pair.code_id)"""

# One code for all: nothing of it changes.
_SHARED = """
    free AS (SELECT id, code FROM loyalty_promocode WHERE pool_id = %(pool)s AND NOT blocked ORDER BY id LIMIT 1),
    pair AS (SELECT asked.*, free.id AS code_id, free.code FROM asked, free)"""


def _issue(pool: PromoPool, asks: list[Ask], now: datetime) -> dict[str, str | None]:
    expires_at = expiry(pool, now)
    source = _SHARED if pool.kind == PromoPool.Kind.SHARED else _PERSONAL
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH asked AS (
                  SELECT client_id, key, place FROM unnest(%(clients)s::bigint[], %(keys)s::text[])
                    WITH ORDINALITY AS a(client_id, key, place)),
                {source},
                issued AS (
                  INSERT INTO loyalty_promoissue (pool_id, code_id, client_id, key, issued_at, expires_at)
                  SELECT %(pool)s, code_id, client_id, key, %(now)s, %(end)s FROM pair RETURNING id, key)
                SELECT issued.id, issued.key, pair.code FROM issued JOIN pair USING (key)""",  # noqa: S608 (fixed)
            {
                "clients": [ask.client_id for ask in asks],
                "keys": [ask.key for ask in asks],
                "pool": pool.pk,
                "count": len(asks),
                "now": now,
                "end": expires_at,
            },
        )
        rows = cursor.fetchall()
    by_key = {ask.key: ask for ask in asks}
    stream.append(
        stream.platform(),
        [
            Fact(
                f"promo:{issue_id}",
                "promo.issued",
                now,
                payload={
                    "code": code,
                    "pool": pool.slug,
                    "expires_at": expires_at.isoformat() if expires_at else None,
                    "until": last_day(expires_at),
                },
                depth=by_key[key].depth,
            )
            for issue_id, key, code in rows
        ],
        [by_key[key].client_id for _issue_id, key, _code in rows],
        now,
    )
    return {key: code for _issue_id, key, code in rows}


def _mark_dry(pool: PromoPool, now: datetime) -> None:
    """Notes the first time that nothing was left: a problem for staff, cleared when codes are added."""
    if pool.dry_at is None and PromoPool.objects.filter(pk=pool.pk, dry_at=None).update(dry_at=now):
        log.error("a pool of promo codes ran dry", extra={"pool": pool.slug})


def left(pool_ids: Sequence[int], enough: int = 1_000_000) -> dict[int, int]:
    """Codes that are left to issue, by pool, counted in the index of free ones up to `enough`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, (SELECT count(*) FROM (
                 SELECT 1 FROM loyalty_promocode c
                 WHERE c.pool_id = p.id AND c.issued_at IS NULL AND NOT c.blocked LIMIT %s) AS f)
               FROM unnest(%s::bigint[]) AS p(id)""",
            [enough, list(pool_ids)],
        )
        return dict(cursor.fetchall())


def running_dry() -> list[PromoPool]:
    """Active personal pools with fewer codes left than staff want to be warned of, or none when one was asked for."""
    pools = list(PromoPool.objects.filter(active=True).order_by("name"))
    personal = [pool for pool in pools if pool.kind == PromoPool.Kind.PERSONAL]
    most = max((pool.warn_below for pool in personal), default=0)
    rest = left([pool.pk for pool in personal], most) if most else {}
    return [pool for pool in pools if pool.dry_at or rest.get(pool.pk, pool.warn_below) < pool.warn_below]
