"""Fixtures that every test may use. The services themselves are started by tests/services.py."""

from collections.abc import Iterator

import django_rq
import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

# How long drawing an example takes says how busy the machine is, not whether a rule holds.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def valkey() -> Iterator[Redis]:
    """The Redis of this test process, empty before and after."""
    connection = django_rq.get_connection("default")
    connection.flushdb()
    yield connection
    connection.flushdb()
    connection.close()
