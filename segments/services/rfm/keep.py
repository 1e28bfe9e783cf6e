"""Keeping a snapshot: scores as they are now, the snapshot as a row of history, every move between groups as an event.

The events `rfm.changed` are the history of a client's moves; the snapshot keeps how many moved from where to where.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty.services import programme, stream
from segments.models import RfmRules, RfmSettings, RfmSnapshot
from segments.models.rfm import rules_of
from segments.rfm import group_sql
from segments.services import dynamic
from segments.services.rfm import settings
from segments.services.rfm.measure import measure, scoring

# One computation at a time: any number, the same in every process.
_LOCK = 46_046_046


def recompute_due(now: datetime) -> RfmSnapshot | None:
    """Takes the snapshot that is due at `now` (UTC) by the clock or because staff asked; None where none is.

    Done twice, or by two at once, it is done once: the second finds nothing due.
    """
    rules, zone = settings.current(), programme.zone()
    if _due(rules, now, zone) is None:
        return None
    with transaction.atomic():
        _lock()
        asof = _due(settings.current(), now, zone)
        return None if asof is None else keep(asof, rules, now, zone)


def ask(now: datetime) -> None:
    """Asks for a snapshot as of `now`; the job takes it."""
    settings.current()
    RfmSettings.objects.filter(pk=1).update(requested_at=now)


def keep(asof: datetime, rules: RfmRules, now: datetime, zone: ZoneInfo) -> RfmSnapshot:
    """Takes a snapshot as of a moment (UTC) and makes it the current one.

    A client whose group changed has an event `rfm.changed`, at most one a snapshot day. It starts scenarios unless this
    is the first snapshot with buyers, or the rules have changed since the last one: then it is not the clients who
    moved. Nor does a client's first score, where all their orders came as history (semantics §6). Raises ValueError
    where a later snapshot is there.
    """
    with transaction.atomic():
        _lock()
        before = RfmSnapshot.objects.order_by("-asof").first()
        if before and before.asof >= asof:
            raise ValueError(
                f"asof: the last snapshot is as of {before.asof.isoformat()}, not before {asof.isoformat()}"
            )
        picture = measure(asof, rules, zone, programme.current().currency)
        first = before is None or before.buyers == 0
        changed = before is not None and rules_of(before) != rules_of(rules)
        scores = scoring(picture.cuts)
        moves = [] if first else _moves(scores)
        if moves:
            _tell(asof, now, zone, triggers=not changed)
        _write(scores, asof)
        # Not every change of a score is an event, and the first snapshot tells none at all.
        dynamic.rebuild_all(now, quiet=first or changed)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE rfm_measured")
            cursor.execute("DROP TABLE IF EXISTS rfm_moved")
        return RfmSnapshot.objects.create(
            asof=asof,
            computed_at=now,
            window_days=picture.window_days,
            ties=picture.ties,
            zero_spend=picture.zero_spend,
            zone=picture.zone,
            currency=picture.currency,
            buyers=picture.buyers,
            purchases=picture.purchases,
            foreign=picture.foreign,
            revenue=picture.revenue,
            cuts=picture.cuts,
            ranges=picture.ranges,
            cells=picture.cells,
            moves=moves,
            first=first,
            rules_changed=changed,
        )


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _due(rules: RfmSettings, now: datetime, zone: ZoneInfo) -> datetime | None:
    """As of when a snapshot is due, if one is."""
    last = RfmSnapshot.objects.order_by("-asof").values_list("asof", "computed_at").first()
    if rules.requested_at is not None and (last is None or rules.requested_at > max(last)):
        return now
    asof = settings.scheduled(rules, now, zone)
    return asof if last is None or last[0] < asof else None


def _moves(scores: str) -> list[tuple[str, str, int]]:
    """Finds who has another group than before, into `rfm_moved`; returns how many moved from where to where."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""CREATE TEMPORARY TABLE rfm_moved ON COMMIT DROP AS
                SELECT * FROM (
                  SELECT client_id, {group_sql("old.r", "old.f")} AS was, {group_sql("new.r", "new.f")} AS became,
                         old.r * 10 + old.f AS old_cell, new.r * 10 + new.f AS new_cell,
                         old.client_id IS NULL AND new.history AS history
                  FROM segments_rfmscore old FULL JOIN ({scores}) AS new USING (client_id)) AS both_
                WHERE was IS DISTINCT FROM became"""  # noqa: S608 (of our own parts)
        )
        cursor.execute(
            """SELECT coalesce(was, ''), coalesce(became, ''), count(*) FROM rfm_moved
               GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""
        )
        return cursor.fetchall()


def _tell(asof: datetime, now: datetime, zone: ZoneInfo, triggers: bool) -> None:
    """An event for everybody who moved. A client who was merged into another has only left a name."""
    day = asof.astimezone(zone).date().isoformat()
    stream.append_selected(
        stream.platform(),
        """SELECT 'rfm:' || %s::text || ':' || client_id AS external_id, 'rfm.changed' AS name, client_id,
                  %s::timestamptz AS occurred_at,
                  jsonb_build_object('from', was, 'to', became, 'from_cell', old_cell::text,
                                     'to_cell', new_cell::text, 'snapshot', %s::text) AS payload,
                  %s::bool AND NOT history AS triggers
           FROM rfm_moved JOIN loyalty_client c ON c.id = client_id AND c.merged_into_id IS NULL""",
        [day, now, asof.astimezone(zone).isoformat(), triggers],
        now,
    )


def _write(scores: str, asof: datetime) -> None:
    """Brings the scores up to date, writing only what changed: most clients are today what they were yesterday."""
    columns = "r, f, m, last_at, frequency, monetary"
    told = ", ".join(f"new.{column.strip()}" for column in columns.split(","))
    known = ", ".join(f"old.{column.strip()}" for column in columns.split(","))
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM segments_rfmscore old
               WHERE NOT EXISTS (SELECT FROM rfm_measured new WHERE new.client_id = old.client_id)"""
        )
        cursor.execute(
            f"""UPDATE segments_rfmscore old
                SET ({columns}) = ROW({told}),
                    since = CASE WHEN {group_sql("old.r", "old.f")} = {group_sql("new.r", "new.f")} THEN old.since
                                 ELSE %s END
                FROM ({scores}) AS new
                WHERE new.client_id = old.client_id AND ({known}) IS DISTINCT FROM ({told})""",  # noqa: S608 (of our own parts)
            [asof],
        )
        cursor.execute(
            f"""INSERT INTO segments_rfmscore (client_id, {columns}, since)
                SELECT client_id, {columns}, %s FROM ({scores}) AS new
                WHERE NOT EXISTS (SELECT FROM segments_rfmscore old WHERE old.client_id = new.client_id)
                ORDER BY client_id""",  # noqa: S608 (of our own parts)
            [asof],
        )
