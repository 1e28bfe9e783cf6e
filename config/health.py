"""`/healthz`, `/readyz` and `/metrics` (contract §5): for load balancers, alarms and Prometheus. Counts only."""

from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from redis import Redis, RedisError
from rq.queue import Queue
from rq.worker_registration import REDIS_WORKER_KEYS

from config.nudges import patient_redis
from messaging.models import Message, Status
from scenarios.models import Scenario, ScenarioRun

COUNTED = 100_000  # a backlog is counted up to here: the page must stay cheap just when much is due


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is asked: a web process works on while Redis is away."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where PostgreSQL and Redis answer, else 503; with the age of the oldest due run in seconds.

    The age is for alarms: a backlog that is being worked off is no reason to take a process out of service.
    """
    state: dict[str, object] = {"database": "ok", "redis": "ok", "oldest_due_run_seconds": None}
    try:
        state["oldest_due_run_seconds"] = oldest_due_run(timezone.now())
    except DatabaseError:
        state["database"] = "unreachable"
        connection.close()
    try:
        patient_redis().ping()
    except RedisError:
        state["redis"] = "unreachable"
    return JsonResponse(state, status=503 if "unreachable" in state.values() else 200)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. What cannot be read is left out, and its service shown as down."""
    registry = CollectorRegistry()
    up = Gauge("loyalty_up", "Whether the service answers.", ["service"], registry=registry)
    try:
        _measure_database(registry, timezone.now())
        up.labels("database").set(1)
    except DatabaseError:
        up.labels("database").set(0)
        connection.close()
    try:
        _measure_redis(registry, patient_redis())
        up.labels("redis").set(1)
    except RedisError:
        up.labels("redis").set(0)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def oldest_due_run(now: datetime) -> float:
    """How long the run that is due longest has been waiting for a worker, in seconds; 0 where none is due.

    Asked scenario by scenario, which is how the index of due runs is laid out.
    """
    first = ScenarioRun.objects.filter(scenario=OuterRef("pk"), state=ScenarioRun.State.ACTIVE).order_by("due_at")
    due = Scenario.objects.annotate(first_due=Subquery(first.values("due_at")[:1])).filter(first_due__lte=now)
    oldest = due.order_by("first_due").values_list("first_due", flat=True).first()
    return round((now - oldest).total_seconds(), 3) if oldest else 0.0


def _measure_database(registry: CollectorRegistry, now: datetime) -> None:
    age = oldest_due_run(now)
    runs = ScenarioRun.objects.filter(state=ScenarioRun.State.ACTIVE, due_at__lte=now)[:COUNTED].count()
    messages = Message.objects.filter(status=Status.QUEUED, due_at__lte=now)[:COUNTED].count()
    Gauge("loyalty_oldest_due_run_seconds", "Age of the oldest due run.", registry=registry).set(age)
    Gauge("loyalty_runs_due", f"Runs that are due, up to {COUNTED}.", registry=registry).set(runs)
    Gauge("loyalty_messages_due", f"Messages that are due, up to {COUNTED}.", registry=registry).set(messages)


def _measure_redis(registry: CollectorRegistry, redis: Redis) -> None:
    workers = redis.scard(REDIS_WORKER_KEYS)
    lengths = {name: Queue(name, connection=redis).count for name in settings.RQ_QUEUES}
    Gauge("loyalty_workers", "Worker processes.", registry=registry).set(workers)
    waiting = Gauge("loyalty_jobs_waiting", "Jobs that wait for a worker.", ["queue"], registry=registry)
    for name, length in lengths.items():
        waiting.labels(name).set(length)
