"""Keeping dynamic segments true (semantics §45): set-based, by what changed; no client comes into this process's memory
but the ids of one batch.

Who may have to enter or leave is whoever something happened to (`ChangedClient`), and whose answer time alone may
change (`evaluate.changing`). Where that cannot be told, after an edit and nightly, the whole segment is computed.
Everything about a segment happens under the lock of its row; several are locked in the order of their ids.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet

from loyalty.services import stream
from segments.facts import Statement
from segments.models import Group, Segment
from segments.services import changed, dependencies, evaluate, rules
from segments.services.changed import Change, Seen

log = logging.getLogger(__name__)

BATCH = 20_000  # clients looked at in one statement
MANY = 200_000  # clients: where the clock concerns more, the whole base is looked at
RETRY = timedelta(minutes=10)  # after an error

# What a rule can do wrong: SQL that fails on somebody's data, a condition whose settings make no sense any more.
_FAILURES = (DatabaseError, ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Moved:
    """How many clients entered and left."""

    entered: int = 0
    left: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.entered + other.entered, self.left + other.left)

    def __bool__(self) -> bool:
        return bool(self.entered or self.left)


def refresh(now: datetime) -> Moved:
    """Makes all dynamic segments true as of `now` (UTC), in as many transactions as it takes."""
    return sum(pieces(now), Moved())


def pieces(now: datetime) -> Iterator[Moved]:
    """The pieces of `refresh`, each done in a transaction of its own when it is asked for, until nothing is left.

    A piece is a batch of changed clients, through all segments, or the time that passed or the rebuild of one
    segment. Two at once do the pieces one after the other, and nothing twice.
    """
    seen = Seen()
    while (moved := _piece(seen, now)) is not None:
        yield moved


def _piece(seen: Seen, now: datetime) -> Moved | None:
    needs = dependencies.graph()
    order = dependencies.in_order(needs)
    if not order:
        changed.forget(now)
        return None
    if (moved := _batch(order, seen, now)) is not None:
        return moved
    due = set(Segment.objects.filter(_due(now), pk__in=order).values_list("pk", flat=True))
    for segment_id in order:
        if segment_id in due:
            return _bring_up(segment_id, _has_dependents(segment_id, needs), seen, now)
    return None


def recompute(segment_id: int, now: datetime) -> Moved:
    """Computes the whole of a dynamic segment as of `now` (UTC), in one transaction; other segments follow later.

    Two at once: the second waits and finds nothing left to change. One that is true as of a later moment is left
    alone. Raises Segment.DoesNotExist where there is no such dynamic segment.
    """
    with transaction.atomic():
        segment = _locked([segment_id]).get()
        if segment.rule_id is None or (segment.computed_at is not None and segment.computed_at > now):
            return Moved()
        return _rebuild(segment, _has_dependents(segment_id, dependencies.graph()), now)


def rebuild_all(now: datetime, older_than: timedelta = timedelta(0), *, quiet: bool = False) -> None:
    """Asks for the dynamic segments to be computed as a whole by the refreshes from `now` (UTC) on.

    Those that were, less than `older_than` ago, are left alone. `quiet`: by that, no scenario starts.
    """
    stale = Segment.objects.filter(kind=Segment.Kind.DYNAMIC, rebuild_at=None, rebuilt_at__lte=now - older_than)
    stale.update(rebuild_at=now, quiet=quiet)


def _rules(segments: Sequence[Segment]) -> dict[int, Group]:
    trees = rules.load(segment.rule_id for segment in segments if segment.rule_id is not None)
    return {segment.pk: trees[segment.rule_id] for segment in segments if segment.rule_id is not None}


def _has_dependents(segment_id: int, needs: dependencies.Graph) -> bool:
    return any(segment_id in named for named in needs.values())


def _due(now: datetime) -> Q:
    """Segments that have something to do beside changed clients; one that failed waits for its time."""
    behind = Q(computed_at__isnull=True) | Q(computed_at__lt=now)
    return Q(rebuild_at__lte=now) | Q(rebuild_at__isnull=True) & behind


def _locked(ids: Sequence[int]) -> QuerySet[Segment]:
    rows = Segment.objects.filter(pk__in=ids, kind=Segment.Kind.DYNAMIC)
    return rows.select_for_update(no_key=True).order_by("pk")


def _batch(order: Sequence[int], seen: Seen, now: datetime) -> Moved | None:
    """Looks at a batch of changed clients, segment by segment, so that what changes in one is seen by the next."""
    with transaction.atomic():
        segments = {segment.pk: segment for segment in _locked(order)}
        changes = changed.take(now, BATCH)
        if not changes:
            return None
        # Even those that are to be rebuilt in a moment: a rebuild no longer knows what a change may start. One that is
        # new, failed, or is to be rebuilt quietly sees everything then.
        ordered = [segments[pk] for pk in order if pk in segments]
        current = [each for each in ordered if each.computed_at and not (each.error or each.quiet)]
        trees = _rules(current)
        moved = Moved()
        for segment in current:
            try:
                with transaction.atomic():
                    moved += _look_at(segment, trees[segment.pk], changes, now)
                seen.add(segment.pk, changes)
            except _FAILURES as error:
                _failed(segment, error, now)
        return moved


def _bring_up(segment_id: int, has_dependents: bool, seen: Seen, now: datetime) -> Moved:
    """Brings a segment up to `now`: by the clock where that is told, else as a whole."""
    with transaction.atomic():
        segment = _locked([segment_id]).filter(_due(now)).first()
        if segment is None:
            return Moved()
        try:
            with transaction.atomic():
                moved = None
                if segment.rebuild_at is None and segment.computed_at is not None:
                    moved = _pass_time(segment, segment.computed_at, has_dependents, seen, now)
                return _rebuild(segment, has_dependents, now) if moved is None else moved
        except _FAILURES as error:
            _failed(segment, error, now)
            return Moved()


def _pass_time(segment: Segment, then: datetime, has_dependents: bool, seen: Seen, now: datetime) -> Moved | None:
    """Looks at those whose answer time alone may have changed; None where these are anyone, or too many.

    What just happened came into its window by time, too: whom this refresh has seen need not be seen again.
    """
    rule = _rules([segment])[segment.pk]
    touched = evaluate.changing(rule, then, now)
    if touched is None:
        return None
    sql, values = touched
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT DISTINCT client_id FROM ({sql}) AS touched
                WHERE client_id IS NOT NULL ORDER BY client_id LIMIT %s""",  # noqa: S608
            [*values, MANY + 1],
        )
        touched_ids = [client_id for (client_id,) in cursor.fetchall()]
    if len(touched_ids) > MANY:
        return None
    ids = seen.without(segment.pk, touched_ids)
    moved = Moved()
    for start in range(0, len(ids), BATCH):
        changes = [Change(client_id) for client_id in ids[start : start + BATCH]]
        moved += _look_at(segment, rule, changes, now, has_dependents)
    Segment.objects.filter(pk=segment.pk).update(computed_at=now)
    return moved


def _look_at(
    segment: Segment, rule: Group, changes: Sequence[Change], now: datetime, has_dependents: bool = False
) -> Moved:
    """Lets these clients in and out. Depth of the events: that of the change which they follow from (semantics §18)."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit TO off")  # to compile the statement takes longer than to run it
    ids = [change.client_id for change in changes]
    change = (
        "change AS (SELECT * FROM unnest(%s::bigint[], %s::smallint[], %s::boolean[]) AS c(client_id, depth, triggers))"
    )
    moved = _move(
        segment,
        ("SELECT unnest(%s::bigint[]) AS id", [evaluate.holding(rule, ids, now)]),
        (change, [ids, [change.depth for change in changes], [change.triggers for change in changes]]),
        has_dependents,
        now,
    )
    if moved:
        Segment.objects.filter(pk=segment.pk).update(size=F("size") + moved.entered - moved.left)
    return moved


def _rebuild(segment: Segment, has_dependents: bool, now: datetime) -> Moved:
    """Computes the whole segment, in one statement."""
    began = time.perf_counter()
    rule = _rules([segment])[segment.pk]
    moved = _move(segment, evaluate.selection(rule, now), None, has_dependents, now)
    Segment.objects.filter(pk=segment.pk).update(
        size=F("size") + moved.entered - moved.left,
        computed_at=now,
        rebuilt_at=now,
        rebuild_at=None,
        quiet=False,
        error="",
        took=time.perf_counter() - began,
    )
    return moved


def _move(segment: Segment, fit: Statement, change: Statement | None, has_dependents: bool, now: datetime) -> Moved:
    """Makes those of `fit` the members: all of them, or (`change`: a relation of clients) of these clients alone.

    Every coming and going becomes an event; segments that depend on this one look at those clients in the same refresh.
    Members and fit are compared by grouping, not by joins: PostgreSQL cannot tell how many fit, and where it takes
    hundreds of thousands for a few, a join of the two costs the product of their numbers.
    """
    fit_sql, values = fit
    only, cause = "", "CROSS JOIN (SELECT 0 AS depth, %s::boolean AS triggers) AS cause"
    first: list[object] = []
    relations = ""
    if change is not None:
        change_sql, first = change
        relations, only = f"{change_sql}, ", "AND client_id IN (SELECT client_id FROM change)"
        cause = "JOIN change USING (client_id)"
    relations += f"""fit AS MATERIALIZED ({fit_sql}),
           member AS MATERIALIZED (SELECT id, client_id FROM segments_membership WHERE segment_id = %s {only}),
           differ AS MATERIALIZED (
             SELECT client_id, max(member_id) AS member_id
             FROM (SELECT client_id, id AS member_id FROM member UNION ALL SELECT id, NULL FROM fit) AS had_or_fits
             GROUP BY client_id HAVING count(*) = 1),
           gone AS (
             DELETE FROM segments_membership
             WHERE id IN (SELECT member_id FROM differ WHERE member_id IS NOT NULL)
             RETURNING id, client_id),
           came AS (
             INSERT INTO segments_membership (segment_id, client_id, entered_at)
             SELECT %s, client_id, %s FROM differ WHERE member_id IS NULL
             RETURNING id, client_id),
           moved AS (
             SELECT 'segment.entered' AS name, * FROM came UNION ALL SELECT 'segment.left', * FROM gone),
           told AS (
             SELECT name || ':' || id AS external_id, name, client_id, depth, triggers,
                    jsonb_build_object('segment', %s::text) AS payload, %s::timestamptz AS occurred_at
             FROM moved {cause})"""  # noqa: S608
    values = [*first, *values, segment.pk, segment.pk, now, segment.slug, now]
    if change is None:
        values.append(not segment.quiet)
    if has_dependents:
        relations += """, passed_on AS (
             INSERT INTO segments_changedclient (client_id, depth, triggers, marked_at)
             SELECT client_id, depth, triggers, %s FROM told)"""
        values.append(now)
    answer = "SELECT (SELECT count(*) FROM came), (SELECT count(*) FROM gone)"
    return Moved(*stream.append_told(stream.platform(), relations, values, now, answer))


def _failed(segment: Segment, error: Exception, now: datetime) -> None:
    """Notes an error; the segment keeps its members and is computed as a whole later."""
    log.error("a segment could not be computed", extra={"segment": segment.pk, "reason": type(error).__name__})
    words = f"{type(error).__name__}: {error}".splitlines()[0][:500]
    Segment.objects.filter(pk=segment.pk).update(error=words, rebuild_at=now + RETRY)
