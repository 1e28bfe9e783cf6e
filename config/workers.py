"""The worker that runs our jobs, and the pool that keeps a number of them alive.

rq's usual worker forks a "work horse" for every job, which costs tens of milliseconds with Django loaded: too much
for jobs that come every second and often find nothing to do. Ours runs them in its own process. That is safe because
jobs are short, idempotent and lose nothing when they die: state lives in PostgreSQL (semantics §8–9), the pool
replaces a dead worker within a second or two, and the next tick picks its work up.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing.process import BaseProcess
from typing import Any

from django.db import close_old_connections, connections, reset_queries
from rq.exceptions import DeserializationError
from rq.executions import Execution
from rq.job import Job
from rq.job_lifecycle import call_exception_handlers
from rq.queue import Queue
from rq.worker import SimpleWorker
from rq.worker.base import DequeueStrategy
from rq.worker_pool import WorkerData, WorkerPool

log = logging.getLogger(__name__)

WORKER_TTL = 60  # seconds until a dead worker leaves the dashboard
RETRY_REDIS = 2.0  # seconds at most between attempts to reach Redis again


class SteadyWorker(SimpleWorker):
    """Runs jobs one after another in this process, with job timeouts, taking the queues in turn.

    In turn: a queue that is always busy must not starve the others (semantics §45).
    """

    max_connection_wait_time = RETRY_REDIS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"worker_ttl": WORKER_TTL, "log_job_description": False} | kwargs)

    def work(self, *args: Any, **kwargs: Any) -> bool:
        # No rq scheduler beside us: nothing of ours is scheduled in Redis.
        kwargs |= {"with_scheduler": False, "dequeue_strategy": DequeueStrategy.ROUND_ROBIN}
        return super().work(*args, **kwargs)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """RQ would log the exception in its own words, which may quote a client's data."""
        try:
            does = job.func_name
        except DeserializationError:
            does = ""
        log.error("a job failed", exc_info=exc_info, extra={"job": job.id, "does": does})
        call_exception_handlers(self._exc_handlers, job, *exc_info)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        # As Django does around a request: a connection that PostgreSQL dropped is replaced, not reused.
        close_old_connections()
        reset_queries()
        try:
            return super().perform_job(job, queue, execution)
        finally:
            close_old_connections()


class SteadyPool(WorkerPool):
    """rq's pool, whose workers also leave when the pool itself was killed.

    One worker beside the `num_workers` takes the `slow` queues and no other: whatever is computed there for minutes,
    the others send and answer meanwhile (semantics §45).
    """

    def __init__(self, queues: Iterable[str], *args: Any, slow: Iterable[str] = (), **kwargs: Any) -> None:
        self._slow = list(slow)
        self._slow_worker = ""
        super().__init__([name for name in queues if name not in self._slow], *args, **kwargs)
        if self._slow:
            self.num_workers += 1

    def start(self, burst: bool = False, logging_level: str = "WARNING") -> None:
        connections.close_all()  # a connection must not be shared across a fork
        super().start(burst=burst, logging_level=logging_level)

    def get_worker_process(
        self, name: str, burst: bool, _sleep: float = 0, logging_level: str = "WARNING"
    ) -> BaseProcess:
        usual = self._queue_names
        if self._slow and self._slow_worker not in self.worker_dict:
            self._slow_worker, self._queue_names = name, self._slow
        process = super().get_worker_process(name, burst=burst, _sleep=_sleep, logging_level="WARNING")
        self._queue_names = usual
        process.run = _guarded(process.run, os.getpid())  # type: ignore[method-assign]
        return process

    def handle_dead_worker(self, worker_data: WorkerData) -> None:
        if self.status != self.Status.STOPPED:
            log.warning("A worker died; another takes its place", extra={"exit": worker_data.process.exitcode})
        super().handle_dead_worker(worker_data)


def _guarded(run: Callable[[], None], parent: int) -> Callable[[], None]:
    """`run` for a forked worker, which asks itself to stop once its parent is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    def guarded() -> None:
        # The pool's own handlers came along with the fork; until the worker sets its own, a signal just ends us.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=watch, daemon=True).start()
        run()

    return guarded
