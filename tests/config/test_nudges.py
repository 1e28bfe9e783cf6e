"""Nudges: cheap, one waiting job each, never in the way (semantics §8)."""

import logging
import time

import pytest
from django.conf import settings
from redis import Redis
from rq.queue import Queue
from rq.registry import FailedJobRegistry

from config import nudges
from config.workers import SteadyWorker

pytestmark = pytest.mark.django_db  # a worker looks after the database connections of its process

JOB = "tests.config.dummies.leave_pid"


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch, valkey, tmp_path):
    monkeypatch.setenv("DUMMY_FILE", str(tmp_path / "ran"))
    monkeypatch.setattr(nudges, "_outage", nudges._Outage())


@pytest.fixture
def redis_away(settings):
    """Leads the nudges to a port where nobody listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    nudges.patient_redis.cache_clear()
    yield
    nudges.patient_redis.cache_clear()


def work_off(valkey: Redis) -> None:
    SteadyWorker([Queue("runs", connection=valkey)], connection=valkey).work(burst=True)


def test_a_thousand_nudges_make_one_waiting_job(valkey):
    for _ in range(1000):
        nudges.nudge(JOB, "runs")
    assert Queue("runs", connection=valkey).count == 1


def test_a_nudge_costs_one_round_trip(own_valkey):
    server = own_valkey.start()
    nudges.wake(JOB, "runs", server)
    before = sum(stats["calls"] for stats in server.info("commandstats").values())
    for _ in range(100):
        nudges.wake(JOB, "runs", server)
    # The script itself, and GET and LPOS which it asks inside the server; one is this test's own INFO.
    assert sum(stats["calls"] for stats in server.info("commandstats").values()) - before == 100 * 3 + 1


def test_the_same_job_may_wait_in_two_queues(valkey):
    assert nudges.wake(JOB, "runs")
    assert nudges.wake(JOB, "events")


def test_a_nudge_while_the_job_runs_leads_to_one_more_run(valkey, tmp_path):
    assert nudges.wake(JOB, "runs")
    Queue.dequeue_any([Queue("runs", connection=valkey)], None, connection=valkey)  # a worker has taken it
    assert nudges.wake(JOB, "runs")
    assert not nudges.wake(JOB, "runs")
    work_off(valkey)
    assert (tmp_path / "ran").read_text().count("\n") == 1


def test_a_nudge_after_the_run_runs_again(valkey, tmp_path):
    for _ in range(2):
        assert nudges.wake(JOB, "runs")
        work_off(valkey)
    assert (tmp_path / "ran").read_text().count("\n") == 2


def test_nothing_blocks_the_next_nudge_after_flushall_or_an_emptied_queue(valkey):
    nudges.wake(JOB, "runs")
    valkey.flushdb()
    assert nudges.wake(JOB, "runs")
    Queue("runs", connection=valkey).empty()
    assert nudges.wake(JOB, "runs")


def test_finished_jobs_leave_nothing_in_redis(valkey):
    for _ in range(3):
        nudges.wake(JOB, "runs")
        work_off(valkey)
    assert list(valkey.scan_iter("rq:job:*")) == []
    assert list(valkey.scan_iter("rq:results:*")) == []


def test_failed_jobs_are_kept_for_a_while_only(valkey):
    nudges.wake("tests.config.dummies.fail", "runs")
    work_off(valkey)
    (job_id,) = FailedJobRegistry("runs", connection=valkey).get_job_ids()
    assert 0 < valkey.ttl(f"rq:job:{job_id}") <= nudges.KEPT_FAILURES


def test_redis_being_away_is_logged_once_and_costs_nothing(redis_away, caplog):
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "config.nudges"):
        for _ in range(100):
            nudges.events_recorded()
            nudges.messages_queued()
    assert time.monotonic() - began < 1
    assert [record.getMessage() for record in caplog.records] == [
        "Redis is away; work goes on by ticks once it is back"
    ]


def test_nudges_resume_when_redis_is_back(monkeypatch, settings, valkey):
    monkeypatch.setattr(nudges, "PAUSE", 0.0)
    here, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    nudges.patient_redis.cache_clear()
    nudges.events_recorded()
    settings.REDIS_URL = here
    nudges.patient_redis.cache_clear()
    nudges.events_recorded()
    assert Queue("events", connection=valkey).count == 1


def test_the_hooks_of_the_settings_exist():
    assert settings.EVENTS_NUDGE == f"{nudges.events_recorded.__module__}.{nudges.events_recorded.__name__}"
    assert settings.OUTBOX_NUDGE == f"{nudges.messages_queued.__module__}.{nudges.messages_queued.__name__}"
