"""Nudges: "look at your tables now". They carry no truth; a lost one costs one tick (semantics §8).

Every job that is woken here takes no arguments and works off whatever is due, so one waiting job is as good as a
thousand: `wake` leaves the queue alone while one waits. A job that is already *running* does not count as waiting,
because it may have read its tables before our commit.
"""

import functools
import logging
import threading
import time

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.utils import now

log = logging.getLogger(__name__)

TIMEOUT = 600  # seconds a job may run
KEPT_FAILURES = 900  # seconds a failed job shows on /admin/queues/: a job that fails every second must not pile up
PATIENCE = 0.5  # seconds that a web request may lose to a Redis that does not answer
PAUSE = 2.0  # seconds without further attempts after a failure

# One round trip: is the job that was put there last still waiting? Else put this one.
# A day is for what a killed worker took and never ran.
# KEYS: pointer to the last job's id, queue, new job, set of all queues. ARGV: new job's id, then its hash.
ENQUEUE = """
local last = redis.call('GET', KEYS[1])
if last and redis.call('LPOS', KEYS[2], last) then return 0 end
redis.call('HSET', KEYS[3], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[3], 86400)
redis.call('SADD', KEYS[4], KEYS[2])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[1], 'EX', 86400)
return 1
"""


def events_recorded() -> None:
    """Events were committed: let scenarios look at them now. Called by `loyalty.services.events` on commit."""
    nudge("scenarios.jobs.pump", "events")


def messages_queued() -> None:
    """Messages were queued: let the outbox look at them now. Called by `messaging.services.outbox` on commit."""
    nudge("messaging.jobs.pump", "outbox")


def wake(path: str, queue: str, connection: Redis | None = None) -> bool:
    """Enqueues the function at `path` (dotted, no arguments) unless it waits in this queue already.

    Answers whether a job was put there. Raises RedisError where Redis cannot be reached.
    """
    target = Queue(queue, connection=connection or patient_redis())
    job = Job.create(
        path,
        connection=target.connection,
        origin=queue,
        status=JobStatus.QUEUED,
        description=path,
        timeout=TIMEOUT,
        result_ttl=0,
        failure_ttl=KEPT_FAILURES,
    )
    job.enqueued_at = now()
    fields = [part for pair in job.to_dict(include_meta=False, include_result=False).items() for part in pair]
    keys = [f"nudge:{queue}:{path}", target.key, job.key, Queue.redis_queues_keys]
    return bool(_script()(keys=keys, args=[job.id, *fields], client=target.connection))


def nudge(path: str, queue: str) -> None:
    """`wake` for those who must not fail or wait because Redis does: a failure is logged once an outage."""
    if _outage.pausing():
        return
    try:
        wake(path, queue)
    except RedisError as error:
        _outage.began(error)
    else:
        _outage.ended()


class _Outage:
    """Whether Redis is away, as far as this process knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away = False
        self._next_attempt = 0.0  # monotonic seconds

    def pausing(self) -> bool:
        return self._away and time.monotonic() < self._next_attempt

    def began(self, error: RedisError) -> None:
        with self._lock:
            first, self._away = not self._away, True
            self._next_attempt = time.monotonic() + PAUSE
        if first:
            log.warning("Redis is away; work goes on by ticks once it is back", extra={"reason": str(error)})

    def ended(self) -> None:
        if self._away:
            with self._lock:
                self._away = False
            log.warning("Redis is back")


_outage = _Outage()


@functools.cache
def patient_redis() -> Redis:
    """One pool a process, with little patience; one retry heals a pooled connection that went stale."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=PATIENCE,
        socket_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 1),
    )


@functools.cache
def _script() -> Script:
    return patient_redis().register_script(ENQUEUE)
