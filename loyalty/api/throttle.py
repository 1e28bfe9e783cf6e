"""How often a key may call.

Counted in Redis, so that all web processes share one count. Redis holds no truth (semantics §8): while it
is away each process counts for itself, which is laxer by the number of processes, and the API goes on.
"""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches
from redis import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from loyalty.models import ApiKey

log = logging.getLogger(__name__)

WINDOW = 60  # seconds
PAUSE = 5.0  # seconds without asking a Redis that did not answer


def count(name: str, window: int = WINDOW) -> int:
    """Counts one more of `name` in the present window; returns how many that makes."""
    key = f"throttle:{name}:{int(time.time()) // window}"
    if time.monotonic() >= _away.until:
        try:
            return _count(caches["shared"], key, window)
        except RedisError as error:
            _away.until = time.monotonic() + PAUSE
            log.warning("Redis is away; requests are counted by process", extra={"reason": type(error).__name__})
    return _count(caches["default"], key, window)


def _count(cache: BaseCache, key: str, window: int) -> int:
    try:
        return cache.incr(key)
    except ValueError:  # the first of this window
        return 1 if cache.add(key, 1, timeout=window * 2) else cache.incr(key)


class _Away:
    until = 0.0  # monotonic seconds


_away = _Away()


class PerKey(BaseThrottle):
    """So many requests a minute for each key: its own rate, else API_RATE."""

    def allow_request(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return True
        return count(f"key:{key.pk}") <= (key.rate or settings.API_RATE)

    def wait(self) -> float:
        return WINDOW - time.time() % WINDOW + 1
