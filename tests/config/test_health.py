"""Health: what load balancers, alarms and Prometheus are told (contract §5)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import health, nudges
from scenarios.models import Scenario, ScenarioRun
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis_away(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    nudges.patient_redis.cache_clear()
    yield
    nudges.patient_redis.cache_clear()


@pytest.fixture
def database_away(settings):
    """Cuts this connection off from the database until the test ends."""
    connection.close()
    here = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = "1"
    yield
    connection.close()
    connection.settings_dict["PORT"] = here


def due_for(seconds: int) -> ScenarioRun:
    """A run that has been due for so many seconds."""
    now = timezone.now()
    return ScenarioRun.objects.create(
        scenario=Scenario.objects.create(name="Any"),
        client=builders.client(),
        occurrence="once",
        due_at=now - timedelta(seconds=seconds),
        entered_at=now,
    )


def numbers(client) -> dict[str, float]:
    text = client.get("/metrics").content.decode()
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_process_is_healthy(client):
    assert client.get("/healthz").status_code == 200
    assert client.post("/healthz").status_code == 405


def test_ready_when_everything_answers(client, valkey):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"database": "ok", "redis": "ok", "oldest_due_run_seconds": 0.0},
    )


def test_the_oldest_due_run_is_told(client, valkey):
    due_for(90)
    due_for(30)
    due_for(-60)
    assert client.get("/readyz").json()["oldest_due_run_seconds"] == pytest.approx(90, abs=5)


def test_not_ready_while_redis_is_away(client, redis_away):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["redis"]) == ("ok", "unreachable")


@pytest.mark.django_db(transaction=True)
def test_not_ready_while_the_database_is_away(client, valkey, database_away):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "unreachable", "redis": "ok", "oldest_due_run_seconds": None}
    assert client.get("/healthz").status_code == 200
    assert numbers(client)["loyalty_updatabase"] == 0


def test_metrics_count_what_waits(client, valkey):
    due_for(90)
    nudges.wake("tests.config.dummies.leave_pid", "runs")
    found = numbers(client)
    assert found["loyalty_runs_due"] == 1
    assert found["loyalty_messages_due"] == 0
    assert found["loyalty_jobs_waitingruns"] == 1
    assert found["loyalty_workers"] == 0
    assert found["loyalty_updatabase"] == found["loyalty_upredis"] == 1


def test_metrics_answer_while_redis_is_away(client, redis_away):
    found = numbers(client)
    assert (found["loyalty_upredis"], found["loyalty_runs_due"]) == (0, 0)
    assert "loyalty_workers" not in found


def test_a_backlog_is_counted_up_to_a_limit(client, valkey, monkeypatch):
    monkeypatch.setattr(health, "COUNTED", 2)
    for _ in range(3):
        due_for(1)
    assert numbers(client)["loyalty_runs_due"] == 2


def test_probes_are_answered_without_tls(client, settings, valkey):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/readyz").status_code == 200
    assert client.get("/admin/").status_code == 301
