"""A mail server on loopback that takes its time before it says that it has taken a message."""

import asyncio
import socket
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller


class SlowMailbox:
    """`calls`: the messages that it was given, answered or not; `slow`: seconds before each answer."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.slow = 0.0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        self.calls.append(envelope.content)
        await asyncio.sleep(self.slow)
        return "250 OK"

    def __enter__(self) -> "SlowMailbox":
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()
