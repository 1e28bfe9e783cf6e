"""Workers: jobs in the worker's own process, replaced when they die, gone when told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from rq.queue import Queue

from config import nudges
from config.workers import SteadyWorker
from tests.waiting import until

pytestmark = pytest.mark.django_db  # a worker looks after the database connections of its process

ROOT = Path(__file__).parents[2]


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found]


def alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """The file in which the dummy jobs leave the pid of the process that ran them."""
    file = tmp_path / "ran"
    file.touch()
    monkeypatch.setenv("DUMMY_FILE", str(file))
    return file


@pytest.fixture
def pool(valkey, ran):
    """`manage.py worker --processes 1`, and one more for what is slow, in a session of its own; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--processes", "1"], cwd=ROOT, start_new_session=True
    )
    until(lambda: len(children(process.pid)) == 2)
    until(lambda: valkey.scard("rq:workers") == 2)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_jobs_run_in_the_worker_itself(valkey, ran):
    nudges.wake("tests.config.dummies.leave_pid", "runs")
    SteadyWorker([Queue("runs", connection=valkey)], connection=valkey).work(burst=True)
    assert ran.read_text().split() == [str(os.getpid())]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_postgresql_dropped_is_replaced(valkey, ran):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    other.close()
    nudges.wake("tests.config.dummies.leave_pid_through_the_database", "runs")
    SteadyWorker([Queue("runs", connection=valkey)], connection=valkey).work(burst=True)
    assert ran.read_text().count("\n") == 1


def test_a_busy_queue_does_not_starve_the_others(valkey, ran):
    queues = [Queue(name, connection=valkey) for name in ("events", "runs")]
    for _ in range(5):
        queues[0].enqueue("tests.config.dummies.leave_pid", result_ttl=0)
    last = queues[1].enqueue("tests.config.dummies.leave_pid", result_ttl=0)
    SteadyWorker(queues, connection=valkey).work(burst=True, max_jobs=2)
    assert not valkey.exists(last.key)


def test_the_pool_replaces_a_worker_that_was_killed(pool, valkey, ran):
    first = set(children(pool.pid))
    nudges.wake("tests.config.dummies.hang", "runs")
    victim = int(until(lambda: ran.read_text().split())[0])
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(set(children(pool.pid)) - first) == 1 and len(children(pool.pid)) == 2)
    (survivor,) = first - {victim}
    os.kill(survivor, signal.SIGKILL)

    def ticked() -> bool:  # a job that died with its worker comes again with the next tick
        nudges.wake("tests.config.dummies.leave_pid", "runs")
        return len(ran.read_text().split()) >= 2

    until(ticked)


def test_nothing_waits_for_what_is_slow(pool, valkey, ran):
    nudges.wake("tests.config.dummies.hang", "segments")
    (slow,) = until(lambda: ran.read_text().split())
    nudges.wake("tests.config.dummies.leave_pid", "outbox")
    until(lambda: len(ran.read_text().split()) == 2)
    nudges.wake("tests.config.dummies.leave_pid", "segments")
    os.kill(int(slow), signal.SIGKILL)  # another takes the slow queues over
    until(lambda: len(ran.read_text().split()) == 3)


def test_work_goes_on_after_flushall(pool, valkey, ran):
    valkey.flushall()
    nudges.wake("tests.config.dummies.leave_pid", "outbox")
    until(lambda: ran.read_text())


def test_sigterm_ends_the_pool_and_its_workers(pool):
    workers = children(pool.pid)
    pool.terminate()
    assert pool.wait(10) == 0
    assert [pid for pid in workers if alive(pid)] == []


def test_workers_leave_when_their_pool_is_killed(pool):
    workers = children(pool.pid)
    pool.kill()
    pool.wait()
    until(lambda: not any(alive(pid) for pid in workers))
