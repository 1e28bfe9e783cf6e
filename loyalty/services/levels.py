"""Levels: who stands where (semantics §39).

Up at once. Down by itself only when a period ends; a refund counts again at once, because a level that was bought
with returned goods was never reached. What the period means:

- all time: the level is what all orders reach;
- calendar year (of the programme's zone): the level is what this year or the year before reaches, so that it is kept
  through the year after the one in which it was reached;
- last n days: a level is kept n days from when it was reached, then it is what the last n days reach.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.models import ClientLevel, Level, LevelChange, Programme
from loyalty.money import digits
from loyalty.services import programme, stream
from loyalty.services.accrual import Standing

Why = LevelChange.Why

_EVER = datetime(1, 1, 1, tzinfo=UTC)
# What one order adds to the measure; only what is paid and kept counts.
_ADDS = {
    Programme.Measure.PAID: "greatest(o.total - o.refunded, 0)",
    Programme.Measure.ORDERS: "1",
    Programme.Measure.EARNED: "o.bonuses_earned",
}


@dataclass(frozen=True, slots=True)
class _Window:
    """What counts now, and what keeps the present level until its period ends; from inclusive, to exclusive."""

    now_from: datetime
    kept_from: datetime
    kept_to: datetime


@dataclass(frozen=True, slots=True)
class _Move:
    client_id: int
    before: Level | None
    after: Level | None
    up: bool
    why: Why
    measure: Decimal


def reached(levels: Sequence[Level], measure: Decimal) -> Level | None:
    """The highest level that `measure` reaches; `levels` by rising threshold."""
    return next((level for level in reversed(levels) if measure >= level.threshold), None)


def standings(client_ids: Iterable[int]) -> dict[int, Standing]:
    """The levels of clients; those who have bought nothing yet stand on the level that begins at 0, if there is one."""
    ids = set(client_ids)
    base = Level.objects.filter(threshold=0).first()
    found = {row.client_id: row.level for row in ClientLevel.objects.filter(client__in=ids).select_related("level")}
    levels = ((client_id, found.get(client_id, base)) for client_id in ids)
    return {client_id: standing(level) for client_id, level in levels if level is not None}


def standing(level: Level) -> Standing:
    """A level in the form that the count of bonuses takes."""
    return Standing(level.pk, level.name, level.percent)


def recompute(
    client_ids: Iterable[int],
    now: datetime,
    quiet: Collection[int] = (),
    why: Why | None = None,
) -> int:
    """Measures clients again and moves them between levels; returns how many moved. A move is an event `level.changed`.

    Set-based, in the caller's transaction or its own. `quiet`: clients whose move triggers no scenario, because an
    import caused it (semantics §6). `why`: the reason to write, where it is not the orders.
    """
    ids = sorted(set(client_ids))
    levels = list(Level.objects.order_by("threshold"))
    if not ids or not levels:
        return 0
    settings = programme.current()
    zone = programme.zone()
    with transaction.atomic():
        rows = _lock(ids, reached(levels, Decimal(0)), now)
        windows = {row.client_id: _window(row, settings, now, zone) for row in rows}
        measured = _measure(windows, settings)
        period = Programme.Period(settings.level_period)
        changes = []
        for row in rows:
            over = row.until is not None and row.until <= now
            row.measure, kept = measured[row.client_id]
            before = row.level
            row.level = _next(row, reached(levels, row.measure), reached(levels, kept), period, over)
            up = _threshold(row.level) > _threshold(before)
            if row.level != before:
                cause = why or (Why.REACHED if up else Why.PERIOD if over else Why.REFUND)
                changes.append(_Move(row.client_id, before, row.level, up, cause, row.measure))
            _renew(row, settings, now, zone, moved=row.level != before, began=over or up)
        ClientLevel.objects.bulk_update(rows, ["level", "since", "until", "measure"])
        _tell(changes, now, quiet)
    return len(changes)


def close_periods(now: datetime, limit: int = 1000) -> int:
    """Measures the clients whose period has ended by `now`; returns how many there were, at most `limit`."""
    with transaction.atomic():
        ended = ClientLevel.objects.filter(until__lte=now).order_by("until").select_for_update(skip_locked=True)
        # Without levels nothing would ever be measured, and the same clients would be found for ever.
        ids = list(ended.values_list("client_id", flat=True)[:limit]) if Level.objects.exists() else []
        recompute(ids, now)
    return len(ids)


def recompute_all(now: datetime, after: int = 0, limit: int = 1000) -> int | None:
    """Measures everybody again, `limit` clients at a time, because the levels were changed.

    Returns the id to go on after, None where nobody is left.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT client_id FROM loyalty_order WHERE client_id > %s ORDER BY client_id LIMIT %s""",
            [after, limit],
        )
        ids = [client_id for (client_id,) in cursor.fetchall()]
    recompute(ids, now, why=Why.RULES)
    return ids[-1] if len(ids) == limit else None


def _threshold(level: Level | None) -> Decimal:
    return level.threshold if level else Decimal(-1)


def _lock(ids: list[int], base: Level | None, now: datetime) -> list[ClientLevel]:
    """The rows of clients, made where missing and locked in id order: two writers queue, they never deadlock."""
    ClientLevel.objects.bulk_create(
        [ClientLevel(client_id=client_id, level=base, since=now) for client_id in ids], ignore_conflicts=True
    )
    rows = ClientLevel.objects.filter(client__in=ids).order_by("client_id")
    return list(rows.select_for_update(of=("self",)).select_related("level"))


def _window(row: ClientLevel, settings: Programme, now: datetime, zone: ZoneInfo) -> _Window:
    period = Programme.Period(settings.level_period)
    if period is Programme.Period.YEAR:
        year = now.astimezone(zone).year
        this, last = (datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (year, year - 1))
        return _Window(this, last, this)
    if period is Programme.Period.DAYS:
        days = timedelta(days=settings.level_days)
        # Everything that may have led to the present level; so less than that only after a refund.
        return _Window(now - days, row.since - days, now + timedelta(microseconds=1))
    return _Window(_EVER, _EVER, _EVER)


def _measure(windows: dict[int, _Window], settings: Programme) -> dict[int, tuple[Decimal, Decimal]]:
    """What clients reach now and what keeps their level, in the units of thresholds, by client."""
    measure = Programme.Measure(settings.level_measure)
    scale = {Programme.Measure.PAID: digits(settings.currency), Programme.Measure.EARNED: settings.bonus_scale}
    adds = _ADDS[measure]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT w.client_id,
                       coalesce(sum({adds}) FILTER (WHERE o.ordered_at >= w.now_from), 0)::bigint,
                       coalesce(sum({adds}) FILTER (WHERE o.ordered_at >= w.kept_from AND o.ordered_at < w.kept_to), 0)
                         ::bigint
                FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
                       AS w(client_id, now_from, kept_from, kept_to)
                LEFT JOIN loyalty_order o ON o.client_id = w.client_id AND o.status IN ('paid', 'part_refunded')
                  AND o.currency = %s AND o.ordered_at >= least(w.now_from, w.kept_from)
                GROUP BY w.client_id""",  # noqa: S608 (a fixed text of this module)
            [
                list(windows),
                [window.now_from for window in windows.values()],
                [window.kept_from for window in windows.values()],
                [window.kept_to for window in windows.values()],
                settings.currency,
            ],
        )
        places = scale.get(measure, 0)
        return {
            client_id: (Decimal(current).scaleb(-places), Decimal(kept).scaleb(-places))
            for client_id, current, kept in cursor.fetchall()
        }


def _next(
    row: ClientLevel, current: Level | None, kept: Level | None, period: Programme.Period, over: bool
) -> Level | None:
    """The level to stand on: what is reached now, or what keeps until the end of the period."""
    if period is Programme.Period.DAYS:
        # What keeps a level never lifts anybody.
        kept = None if over else min(kept, row.level, key=_threshold)
    return max(current, kept, key=_threshold)


def _renew(row: ClientLevel, settings: Programme, now: datetime, zone: ZoneInfo, moved: bool, began: bool) -> None:
    """Sets since when and until when the row stands; `began`: a period of n days begins now."""
    period = Programme.Period(settings.level_period)
    if period is Programme.Period.DAYS:
        if began or row.until is None:
            row.since, row.until = now, now + timedelta(days=settings.level_days)
        return
    if moved:
        row.since = now
    next_year = datetime(now.astimezone(zone).year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    row.until = next_year if period is Programme.Period.YEAR else None


def _tell(changes: Sequence[_Move], now: datetime, quiet: Collection[int]) -> None:
    rows = LevelChange.objects.bulk_create(
        LevelChange(
            client_id=move.client_id,
            from_name=move.before.name if move.before else "",
            to_name=move.after.name if move.after else "",
            up=move.up,
            why=move.why,
            measure=move.measure,
            at=now,
        )
        for move in changes
    )
    if not rows:
        return
    facts = [
        Fact(
            external_id=f"level:{row.pk}",
            name="level.changed",
            occurred_at=now,
            payload={
                "from": row.from_name or None,
                "to": row.to_name or None,
                "direction": "up" if row.up else "down",
                "reason": str(row.why),
                "measure": f"{row.measure:f}",
            },
            triggers=row.client_id not in quiet,
        )
        for row in rows
    ]
    stream.append(stream.platform(), facts, [row.client_id for row in rows], now)
