"""`manage.py scheduler`: the ticking process (contract §1)."""

from django.conf import settings
from django.core.management.base import BaseCommand
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.scheduler import TickScheduler


class Command(BaseCommand):
    help = "Ticks until it is told to stop. Safe to run several: one leads, another follows within seconds."

    def handle(self, **options: object) -> None:
        # A timeout below the lease: a leader that cannot reach Redis must notice before another takes over.
        connection = Redis.from_url(
            settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
        )
        TickScheduler(connection).start()
