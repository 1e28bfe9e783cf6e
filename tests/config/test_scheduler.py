"""Ticks: one scheduler leads, another follows, Redis may vanish or forget (semantics §8)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisIsAway
from rq.queue import Queue

from config import scheduler
from config.schedule import TICKS, Tick
from config.scheduler import LEASE, TickScheduler
from tests.waiting import until

ROOT = Path(__file__).parents[2]
EVERY_SECOND = (Tick("tests.config.dummies.leave_pid", "runs", every=1),)


def waiting(valkey: Redis, queue: str = "runs") -> int:
    return Queue(queue, connection=valkey).count


def test_a_tick_does_not_pile_up_while_no_worker_runs(valkey, monkeypatch):
    leader = TickScheduler(valkey, EVERY_SECOND)
    for _ in range(5):
        leader.beat()
        leader.get_jobs()[0].next_enqueue_time = leader.created_at  # a second has passed
    assert waiting(valkey) == 1


def test_one_of_two_leads_and_only_the_leader_enqueues(valkey):
    first, second = TickScheduler(valkey, EVERY_SECOND), TickScheduler(valkey, EVERY_SECOND)
    first.beat()
    valkey.delete("rq:queue:runs")
    second.beat()
    assert (first.leading, second.leading, waiting(valkey)) == (True, False, 0)


def test_a_follower_takes_over_when_the_lease_ends(valkey, monkeypatch):
    monkeypatch.setattr(scheduler, "LEASE_MS", 50)
    first, second = TickScheduler(valkey, EVERY_SECOND), TickScheduler(valkey, EVERY_SECOND)
    first.beat()
    time.sleep(0.1)
    second.beat()
    first.beat()
    assert (first.leading, second.leading) == (False, True)


def test_a_leader_that_stops_hands_over_at_once(valkey):
    first, second = TickScheduler(valkey, EVERY_SECOND), TickScheduler(valkey, EVERY_SECOND)
    first.beat()
    first._leave()
    second.beat()
    assert second.leading


def test_flushall_costs_nothing_but_the_waiting_tick(valkey):
    leader = TickScheduler(valkey, EVERY_SECOND)
    leader.beat()
    valkey.flushdb()
    leader.get_jobs()[0].next_enqueue_time = leader.created_at
    leader.beat()
    assert leader.leading
    assert waiting(valkey) == 1
    valkey.flushdb()
    leader._leave()


def test_a_cron_tick_waits_for_its_time(valkey):
    leader = TickScheduler(valkey, (Tick("tests.config.dummies.leave_pid", "default", cron="0 0 1 1 *"),))
    leader.beat()
    assert waiting(valkey, "default") == 0
    leader.get_jobs()[0].next_enqueue_time = leader.created_at
    leader.beat()
    assert waiting(valkey, "default") == 1


def test_every_tick_names_one_of_the_queues(settings):
    assert {tick.queue for tick in TICKS} <= set(settings.RQ_QUEUES)


@pytest.fixture
def processes():
    """Starts `manage.py scheduler` on request; whatever still runs at the end is killed."""
    started: list[subprocess.Popen] = []

    def start(redis_url: str) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                [sys.executable, "manage.py", "scheduler"], cwd=ROOT, env=os.environ | {"REDIS_URL": redis_url}
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def leader_of(connection: Redis) -> bytes | None:
    try:
        return connection.get(LEASE)
    except RedisIsAway:
        return None


def test_killed_leader_is_followed_and_an_outage_of_redis_is_outlived(own_valkey, processes):
    connection = own_valkey.start()
    leader = processes(own_valkey.url)
    first = until(lambda: leader_of(connection))
    follower = processes(own_valkey.url)
    until(lambda: connection.zcard("rq:cron_schedulers") == 2)

    os.kill(leader.pid, signal.SIGKILL)
    second = until(lambda: (now := leader_of(connection)) != first and now, scheduler.LEASE_MS / 1000 + 10)

    own_valkey.stop()
    time.sleep(1.5)
    assert follower.poll() is None
    connection = own_valkey.start()
    until(lambda: leader_of(connection) == second)
    until(lambda: waiting(connection, "runs") == waiting(connection, "outbox") == 1)

    follower.terminate()
    assert follower.wait(5) == 0
    assert leader_of(connection) is None
