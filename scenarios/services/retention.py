"""Keeping the log and what is behind it: whole months are dropped, finished work goes in small batches (issue 5).

Kept whatever the programme says: results by the day, messages, bonuses, promo codes, events — and of every client's
runs in a scenario the first, by which newcomers and uplift are told, the last, by which re-entry and rivals are
decided, and all that still count: of scenarios that are entered once or so many times, and those with bonuses of
their own, whose burning and spending are yet to be counted.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time

from django.db import connection
from django.db.models import Max

from loyalty import partitions
from loyalty.services import programme
from scenarios.models import ScenarioDay
from scenarios.services import attribution, days

LOG = "scenarios_runlog"
BATCH = 2000  # rows deleted in one transaction
SLICE = 50_000  # runs looked at in one


def part_log(now: datetime) -> None:
    """Makes the coming months' parts of the log and drops those that are over; `now` in UTC."""
    partitions.make_ahead(LOG, "created_at", now)
    if oldest := kept_since(now):
        partitions.drop_before(LOG, oldest.date())


def kept_since(now: datetime) -> datetime | None:
    """The moment since which the log is kept: the first of a month (UTC). None: for ever.

    Never later than what results are still counted from: the window of attribution, and days that no count has seen.
    """
    months = programme.current().log_months
    counted = ScenarioDay.objects.aggregate(last=Max("day"))["last"]
    if not months or counted is None:
        return None
    needed = days.bounds(min(counted, attribution.first_day(now)))[0]
    first = min(partitions.first_of(now, -months), partitions.first_of(needed.astimezone(UTC)))
    return datetime.combine(first, time(), UTC)


def thin_out(now: datetime) -> Iterator[int]:
    """Deletes finished calls, rehearsals and runs from before the kept months, a batch at every step of the iterator.

    Yields how many rows went; the caller may stop anywhere, and begin anew whenever it likes.
    """
    before = kept_since(now)
    if before is None:
        return
    for statement in (_CALLS, _REHEARSALS):
        while gone := _run(statement, {"before": before, "limit": BATCH}):
            yield gone
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM scenarios_scenariorun")
        (last,) = cursor.fetchone()
    for after in range(0, last, SLICE):
        part: dict[str, datetime | int] = {"before": before, "limit": BATCH, "after": after, "upto": after + SLICE}
        while gone := _run(_RUNS, part):
            yield gone


def _run(statement: str, values: Mapping[str, datetime | int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


_CALLS = """WITH old AS MATERIALIZED (
  SELECT id FROM scenarios_webhookcall WHERE state <> 'waiting' AND done_at < %(before)s
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
DELETE FROM scenarios_webhookcall c USING old WHERE c.id = old.id"""

_REHEARSALS = """WITH old AS MATERIALIZED (
  SELECT id FROM scenarios_rehearsal WHERE finished_at < %(before)s ORDER BY id LIMIT %(limit)s)
DELETE FROM scenarios_rehearsal r USING old WHERE r.id = old.id"""

# What the draft says counts as much as what is published: either may be the rule tomorrow.
_RUNS = """WITH old AS MATERIALIZED (
  SELECT r.id FROM scenarios_scenariorun r
  JOIN scenarios_scenario s ON s.id = r.scenario_id
  LEFT JOIN scenarios_release v ON v.id = s.live_release_id
  WHERE r.id > %(after)s AND r.id <= %(upto)s AND r.state <> 'active' AND r.finished_at < %(before)s
    AND s.kind <> 'chain' AND s.reentry <> 'once' AND s.entry_cap IS NULL AND s.client_cap IS NULL
    AND coalesce(v.snapshot #>> '{settings,kind}', '') <> 'chain'
    AND coalesce(v.snapshot #>> '{settings,reentry}', '') <> 'once'
    AND v.snapshot #>> '{settings,entry_cap}' IS NULL AND v.snapshot #>> '{settings,client_cap}' IS NULL
    AND EXISTS (SELECT FROM scenarios_scenariorun e WHERE e.scenario_id = r.scenario_id AND e.client_id = r.client_id
                AND (e.entered_at, e.id) < (r.entered_at, r.id))
    AND EXISTS (SELECT FROM scenarios_scenariorun l WHERE l.scenario_id = r.scenario_id AND l.client_id = r.client_id
                AND (l.entered_at, l.id) > (r.entered_at, r.id))
    AND NOT EXISTS (SELECT FROM scenarios_runlog l WHERE l.run_id = r.id)
    AND NOT EXISTS (SELECT FROM scenarios_webhookcall w WHERE w.run_id = r.id)
    AND NOT EXISTS (SELECT FROM messaging_message m WHERE m.run_id = r.id AND m.status IN ('queued', 'sending'))
    AND NOT EXISTS (SELECT FROM loyalty_bonusoperation o WHERE o.client_id = r.client_id AND o.source = 'scenario'
                    AND o.key LIKE 'run:' || r.id || ':%%')
  ORDER BY r.id LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED)
DELETE FROM scenarios_scenariorun r USING old WHERE r.id = old.id"""
