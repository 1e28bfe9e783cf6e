"""Fixtures that every test may use. The services themselves are started by tests/services.py."""

from collections.abc import Iterator

import django_rq
import pytest
from redis import Redis


@pytest.fixture
def valkey() -> Iterator[Redis]:
    """The Redis of this test process, empty before and after."""
    connection = django_rq.get_connection("default")
    connection.flushdb()
    yield connection
    connection.flushdb()
    connection.close()
