"""The ticking process, on rq's own cron scheduler.

Any number may run; one leads. Leading is a lease in Redis of a few seconds: all that a tick does is to put a job
into Redis, so whoever reaches Redis can lead, and a leader that died, hangs or lost its network is followed within
the lease. Two leaders for a moment do no harm: `nudges.wake` puts each job there once. PostgreSQL is not needed here.
"""

import logging
import signal
import time
import uuid
from contextlib import suppress

from django_rq.cron import DjangoCronScheduler
from redis import Redis, RedisError
from rq.cron import CronJob
from rq.exceptions import SchedulerNotFound

from config import nudges
from config.schedule import TICKS, Tick

log = logging.getLogger(__name__)

LEASE = "scheduler:leader"
LEASE_MS = 3000  # a follower takes over after at most this, plus a beat
BEAT = 1.0  # seconds

# Take or keep the lease. KEYS: lease. ARGV: who, milliseconds.
LEAD = """
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
RESIGN = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class TickJob(CronJob):
    """A cron job that wakes instead of piling up: nothing is added while the last one still waits."""

    def enqueue(self, connection: Redis) -> None:  # type: ignore[override]  # nobody asks for the job
        nudges.wake(self.func_name, self.queue_name, connection)


class TickScheduler(DjangoCronScheduler):
    """Enqueues what `TICKS` says while it leads, and outlives Redis being away or flushed."""

    def __init__(self, connection: Redis, ticks: tuple[Tick, ...] = TICKS) -> None:
        super().__init__(connection=connection, logging_level=logging.WARNING)
        self._cron_jobs = [
            TickJob(queue_name=tick.queue, func_name=tick.job, interval=tick.every, cron=tick.cron) for tick in ticks
        ]
        self._token = uuid.uuid4().hex
        self._stopping = False
        self.leading = False

    def start(self) -> None:
        """Ticks until SIGTERM or SIGINT."""
        self._install_signal_handlers()
        away = False
        while not self._stopping:
            try:
                self.beat()
                if away:
                    log.warning("Redis is back; ticking goes on")
                away = False
            except RedisError as error:
                if not away:
                    log.warning("Redis is away; ticking resumes when it is back", extra={"reason": str(error)})
                away, self.leading = True, False
            time.sleep(min(BEAT, self.calculate_sleep_interval()) if self.leading else BEAT)
        self._leave()

    def beat(self) -> None:
        """One turn: keep or seek the lead, enqueue what is due, show ourselves on the dashboard."""
        leading = bool(self.connection.eval(LEAD, 1, LEASE, self._token, LEASE_MS))
        if leading != self.leading:
            log.warning("This scheduler leads" if leading else "Another scheduler leads")
        self.leading = leading
        if leading and self.enqueue_jobs():
            self.save()
        self.heartbeat()

    def _install_signal_handlers(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request_stop)

    def _request_stop(self, *signal_and_frame: object) -> None:
        self._stopping = True

    def _leave(self) -> None:
        """Hands over at once rather than after the lease."""
        try:
            self.connection.eval(RESIGN, 1, LEASE, self._token)
            with suppress(SchedulerNotFound):  # Redis was flushed since the last beat
                self.register_death()
        except RedisError:
            log.warning("Redis is away; the lease ends by itself")
