"""`advance`: due runs on a message step are rendered, queued, logged and moved on, by one process.

The floor claims as many runs in the same batches and writes the same messages, log lines and runs, with a
constant text: what remains of the difference is deciding and rendering. `two_workers` is how many times as fast two
processes move other runs as one does, in turn.
"""

import multiprocessing
import time
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from statistics import median

import psycopg
from django.db import connection
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from scenarios.engine.advance import BATCH, advance_due
from scenarios.engine.live import live
from scenarios.models import Scenario, ScenarioRun
from tests import builders

SUBJECT = "{{ client.first_name | default: 'Friend' }}, your bonuses are waiting"
BODY = """Hello, {{ client.first_name | default: "friend" }}!

{% if bonus.available > 0 %}You have {{ bonus.available }} bonuses: spend them on anything you like.
{% else %}Buy something this week, and the first bonuses are yours.
{% endif %}
See you soon in the shop.
"""
WAIT = timedelta(hours=1)
PAIRS = 2  # rounds of one process beside two
SHARE = 1000  # runs a batch where processes divide them


def run(size: int, due: int = 0) -> Result:
    """Advances `size` of `due` (default: the same) runs, a batch of the engine's own size at a time."""
    now = timezone.now()
    ids = people.make(due or size, now)
    product, constant = _scenario(), _scenario()
    for scenario, number in ((product, due or size), (constant, size)):
        _enrol(scenario, ids, number, now)
    # Only one of the two takes part: the floor's runs are moved by its own program.
    Scenario.objects.filter(pk=constant.pk).update(status=Scenario.Status.PAUSED)
    harness.settle()
    batch = min(BATCH, size)
    with harness.floor_connection() as floor:
        program = _Floor(floor, constant, now)
        products, floors = harness.rounds(
            -(-size // batch), lambda _: _product(now, batch), lambda _: program.advance(batch)
        )
    _check(product, constant)
    faster = _two_workers(max(1, size // 4), ids, now)
    told = {"due": due or size, "two_workers": faster}
    return harness.compare("advance", size, products, floors, batch, harness.peak_rss_mb(), **told)


def _scenario() -> Scenario:
    """A published scenario: a message, then a wait."""
    made = builders.scenario()
    builders.email(builders.trunk(made), subject=SUBJECT, body=BODY)
    builders.wait(builders.trunk(made), 1, "hours")
    return builders.live(made)


def _steps(scenario: Scenario) -> list[str]:
    assert scenario.live_release is not None
    return [step["key"] for step in scenario.live_release.snapshot["steps"]]


def _enrol(scenario: Scenario, ids: tuple[int, int], number: int, now: datetime) -> None:
    """Runs that stand on the message, due in the last half hour."""
    people.fill(
        ScenarioRun,
        "FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS id",
        {
            "scenario": scenario.pk,
            "step": _steps(scenario)[0],
            "now": now,
            "first": ids[0],
            "last": ids[0] + number - 1,
        },
        scenario_id="%(scenario)s",
        client_id="id",
        occurrence="'benchmark'",
        step_key="%(step)s",
        due_at="%(now)s - random() * interval '30 minutes'",
        entered_at="%(now)s - interval '1 hour'",
    )


def _product(now: datetime, limit: int) -> None:
    advance_due(now, limit)


def _two_workers(size: int, ids: tuple[int, int], now: datetime) -> float:
    """How many times as fast two processes move `size` runs as one does."""
    taken: dict[int, list[float]] = {1: [], 2: []}
    for number in range(2 * PAIRS):
        # What is left of the rounds before is nobody's work here.
        Scenario.objects.update(status=Scenario.Status.PAUSED)
        _enrol(_scenario(), ids, size, now)
        harness.settle()
        workers = 1 + (number + number // 2) % 2  # one, two, two, one
        taken[workers].append(_side_by_side(workers, now))
    return median(taken[1]) / median(taken[2])


def _side_by_side(number: int, now: datetime) -> float:
    """Seconds in which so many processes move all that is due."""
    connection.close()  # a connection is not shared with a fork
    processes = multiprocessing.get_context("fork")
    start = processes.Barrier(number + 1)
    workers = [processes.Process(target=_work, args=(start, now), daemon=True) for _ in range(number)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if any(worker.exitcode for worker in workers) or advance_due(now):
        raise SystemExit("error: the workers did not move all runs")
    return seconds


def _work(start: Barrier, now: datetime) -> None:
    live()  # connected, with the releases read
    start.wait()
    while advance_due(now, SHARE):
        pass
    connection.close()


class _Floor:
    """The cheapest program that does the same to the database."""

    def __init__(self, database: psycopg.Connection, scenario: Scenario, now: datetime) -> None:
        self.database = database
        self.scenario = scenario.pk
        self.message, self.wait = _steps(scenario)
        self.now = now
        self.until = now + WAIT
        # The longest that the product writes, so that nobody can say that the floor wrote less.
        self.subject = "Friend, your bonuses are waiting"
        self.body = (
            "Hello, friend!\\n\\nYou have 500 bonuses: spend them on anything you like.\\n"
            "\\nSee you soon in the shop.\\n"
        )

    def advance(self, limit: int) -> None:
        """Moves one batch in one transaction."""
        now, until = self.now.isoformat(), self.until.isoformat()
        with self.database.transaction(), self.database.cursor() as cursor:
            runs = cursor.execute(
                """SELECT r.id, r.client_id, c.email FROM scenarios_scenariorun r
                   JOIN loyalty_client c ON c.id = r.client_id
                   WHERE r.scenario_id = %s AND r.state = 'active' AND r.due_at <= %s
                   ORDER BY r.due_at LIMIT %s FOR NO KEY UPDATE OF r SKIP LOCKED""",
                [self.scenario, self.now, limit],
            ).fetchall()
            last = cursor.execute(
                """SELECT setval(s, nextval(s) + %s - 1) FROM pg_get_serial_sequence('messaging_message', 'id') AS s""",
                [len(runs)],
            ).fetchone()
            first = last[0] - len(runs) + 1  # type: ignore[index]  # one row
            with cursor.copy(
                """COPY messaging_message (id, client_id, scenario_id, run_id, step_key, visit, attempt, channel,
                     topic, address, subject, body, status, reason, error, provider_id, tries, due_at, created_at)
                   FROM STDIN"""
            ) as copy:
                step = f"{self.message}\t1\t1\temail\tmarketing"
                tail = f"{self.subject}\t{self.body}\tqueued\t\t\t\t0\t{now}\t{now}\n"
                copy.write("".join(
                    f"{first + n}\t{client}\t{self.scenario}\t{run}\t{step}\t{email}\t{tail}"
                    for n, (run, client, email) in enumerate(runs)
                ))  # fmt: skip
            with cursor.copy(
                """COPY scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type, reason,
                     detail, message_id, bonuses, created_at) FROM STDIN"""
            ) as copy:
                sent = f"1\tstep\t{self.message}\tSendMessage\t\t"
                waits = f"1\tstep\t{self.wait}\tWait\t\t{until}\t\\N\t\\N\t{now}\n"
                copy.write("".join(
                    f"{self.scenario}\t{client}\t{run}\t{sent}\t{first + n}\t\\N\t{now}\n"
                    f"{self.scenario}\t{client}\t{run}\t{waits}"
                    for n, (run, client, _) in enumerate(runs)
                ))  # fmt: skip
            cursor.execute(
                """UPDATE scenarios_scenariorun SET step_key = %s, waiting = true, waiting_since = %s,
                     waiting_until = %s, visits = 2, due_at = %s
                   WHERE id = ANY(%s)""",
                [self.wait, self.now, self.until, self.until, [run for run, _, _ in runs]],
            )


def _check(product: Scenario, constant: Scenario) -> None:
    """Both sides wrote as many rows of every kind."""
    for table in ("messaging_message", "scenarios_runlog"):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT count(*) FILTER (WHERE scenario_id = %s), count(*) FILTER (WHERE scenario_id = %s)
                    FROM {table}""",
                [product.pk, constant.pk],
            )
            ours, floors = cursor.fetchone()
        if ours != floors:
            raise SystemExit(f"error: {table}: the product wrote {ours} rows, the floor {floors}")
