"""`wakeup`: events wake the runs that wait for them, among `size` that wait.

First a backlog: as many events as the engine reads at a time, read and followed by one process, in turn with the
floor, which takes the events from the queue, moves as many runs and writes the same lines. Then 1,000 events a second,
recorded in batches by a process of its own: `p50_ms` and `p99_ms` are from the moment when an event was to be recorded
until the transaction that moved its run was over.
"""

import multiprocessing
import time
from datetime import datetime, timedelta
from statistics import quantiles

import psycopg
from django.db import connection
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from loyalty.intake.facts import Fact, Who
from loyalty.models import Source
from loyalty.services.events import record
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import BATCH, read_events
from scenarios.jobs import GATHER, TRICKLE, pump_once
from scenarios.models import Scenario, ScenarioRun
from tests import builders

EVENT = "review.posted"
ROUNDS = 4
RATE = 1000  # events a second
SECONDS = 8
EVERY = 0.05  # seconds between two batches of events
IDLE = 0.01  # seconds until a reader who found nothing looks again
PATIENCE = 60  # seconds to wait for the last run
WAIT = timedelta(days=30)


def run(size: int) -> Result:
    """Wakes runs by backlogs of at most half of `size` events, then others at the steady rate."""
    now = timezone.now()
    first, _last = people.make(size, now)
    product, constant = _Waiting(first, size, now), _Waiting(first, size, now)
    # Only one of the two takes part: the floor's runs are moved by its own program.
    Scenario.objects.filter(pk=constant.scenario.pk).update(status=Scenario.Status.PAUSED)
    source = builders.source()
    each = max(1, min(BATCH, size // (4 * ROUNDS)))
    backlog = 2 * ROUNDS * each
    for start in range(1, backlog, BATCH):
        _record(source, range(start, min(start + BATCH, backlog + 1)), timezone.now())
    harness.settle()
    with harness.floor_connection() as database:
        products, floors = harness.rounds(ROUNDS, lambda _: _product(each), lambda _: _floor(database, constant, each))
    steady = range(backlog + 1, min(size, backlog + RATE * SECONDS) + 1)
    taken = _steadily(source, product, steady, first)
    cuts = quantiles(taken, n=100)
    told = {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000, "max_ms": max(taken) * 1000}
    return harness.compare("wakeup", size, products, floors, each, harness.peak_rss_mb(), at_rate=RATE, **told)


class _Waiting:
    """A published scenario in which every client waits for the event, then for a month."""

    def __init__(self, first: int, size: int, now: datetime) -> None:
        self.scenario = builders.scenario()
        wait_for, happened, _ = builders.wait_for(builders.trunk(self.scenario), EVENT, timeout=20)
        self.branch = happened.key
        self.wait_for, self.wait = wait_for.key, builders.wait(happened, WAIT.days, "days").key
        builders.live(self.scenario, now)
        people.fill(
            ScenarioRun,
            "FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS id",
            {
                "scenario": self.scenario.pk,
                "step": self.wait_for,
                "now": now,
                "first": first,
                "last": first + size - 1,
            },
            scenario_id="%(scenario)s",
            client_id="id",
            occurrence="'benchmark'",
            step_key="%(step)s",
            waiting="true",
            waiting_since="%(now)s - interval '1 hour'",
            waiting_until="%(now)s + interval '20 days'",
            visits="1",
            due_at="%(now)s + interval '20 days'",
            entered_at="%(now)s - interval '1 hour'",
        )


def _record(source: Source, clients: range, at: datetime) -> None:
    """Records an event of every client (numbers from 1) at that moment."""
    facts = [Fact(f"review:{n}", EVENT, at, Who(email=f"client{n}@example.com"), {"stars": 5}) for n in clients]
    record(source, facts, at)


def _product(each: int) -> None:
    now = timezone.now()
    if (read_events(now, each), advance_due(now, each)) != (each, each):
        raise SystemExit("error: the events did not wake as many runs")


def _floor(database: psycopg.Connection, waiting: _Waiting, each: int) -> None:
    """Follows as many events as the product, in one transaction."""
    now = timezone.now()
    scenario, until = waiting.scenario.pk, now + WAIT
    with database.transaction(), database.cursor() as cursor:
        clients = cursor.execute(
            """WITH claimed AS (
                 DELETE FROM loyalty_unreadevent WHERE event_id IN (
                   SELECT event_id FROM loyalty_unreadevent ORDER BY event_id LIMIT %s FOR UPDATE SKIP LOCKED)
                 RETURNING event_id)
               SELECT e.client_id FROM loyalty_event e JOIN claimed ON claimed.event_id = e.id""",
            [each],
        ).fetchall()
        runs = cursor.execute(
            """UPDATE scenarios_scenariorun SET step_key = %s, visits = 2, waiting_since = %s, waiting_until = %s,
                 due_at = %s
               WHERE scenario_id = %s AND client_id = ANY(%s) AND state = 'active' AND waiting
               RETURNING id, client_id""",
            [waiting.wait, now, until, until, scenario, [client for (client,) in clients]],
        ).fetchall()
        with cursor.copy(
            """COPY scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type, branch,
                 reason, detail, created_at) FROM STDIN"""
        ) as copy:
            woken = f"1\tstep\t{waiting.wait_for}\tWaitForEvent\t{waiting.branch}\t\t\t{now.isoformat()}\n"
            waits = f"1\tstep\t{waiting.wait}\tWait\t\t\t{until.isoformat()}\t{now.isoformat()}\n"
            copy.write("".join(
                f"{scenario}\t{client}\t{run}\t{woken}{scenario}\t{client}\t{run}\t{waits}" for run, client in runs
            ))  # fmt: skip
    if len(runs) != each:
        raise SystemExit(f"error: the floor moved {len(runs)} of {each} runs")


def _steadily(source: Source, waiting: _Waiting, clients: range, first: int) -> list[float]:
    """Reads while another process records; seconds that every event took."""
    connection.close()  # a connection is not shared with a fork
    began = time.time() + 0.5
    shop = multiprocessing.get_context("fork").Process(target=_tell, args=(source, clients, began), daemon=True)
    shop.start()
    ends: dict[datetime, datetime] = {}
    moved, deadline = 0, began + len(clients) / RATE + PATIENCE
    while moved < len(clients) and time.time() < deadline:
        now = timezone.now()
        done = pump_once(now)
        ends[now] = timezone.now()
        moved += done.runs
        # The wakeful loop of `scenarios.jobs.pump`; a nudge starts it anew.
        rows = done.events + done.runs
        time.sleep(IDLE if not rows else GATHER if rows < TRICKLE else 0)
    shop.join(PATIENCE)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT l.created_at, e.received_at FROM scenarios_runlog l
               JOIN loyalty_event e ON e.client_id = l.client_id AND e.name = %s
               WHERE l.scenario_id = %s AND l.step_key = %s AND l.branch = %s AND l.client_id >= %s""",
            [EVENT, waiting.scenario.pk, waiting.wait_for, waiting.branch, first + clients.start - 1],
        )
        taken = [(ends[moved_at] - told_at).total_seconds() for moved_at, told_at in cursor.fetchall()]
    if len(taken) != len(clients):
        raise SystemExit(f"error: {len(taken)} of {len(clients)} runs were woken")
    return taken


def _tell(source: Source, clients: range, began: float) -> None:
    """Records events of all clients at the rate, each batch as of the moment when it was to be recorded."""
    batch = round(RATE * EVERY)
    for number, start in enumerate(range(clients.start, clients.stop, batch)):
        at = began + number * EVERY
        time.sleep(max(0.0, at - time.time()))
        moment = datetime.fromtimestamp(at, tz=timezone.get_default_timezone())
        _record(source, range(start, min(start + batch, clients.stop)), moment)
    connection.close()
