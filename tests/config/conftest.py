"""Fixtures for the tests of services, queues and processes."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from config.local_services import valkey


@dataclass(frozen=True)
class OwnValkey:
    """A server that one test may stop, and start again on the same port."""

    home: Path
    port: int
    password: str = "secret"

    @property
    def url(self) -> str:
        return valkey.url(self.port, self.password)

    def start(self) -> Redis:
        return Redis.from_url(valkey.start(self.home, self.port, self.password))

    def stop(self) -> None:
        valkey.stop(self.home)


@pytest.fixture
def own_valkey(tmp_path) -> Iterator[OwnValkey]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = OwnValkey(tmp_path, probe.getsockname()[1])
    yield server
    server.stop()
