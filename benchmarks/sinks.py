"""A provider in a process of its own: takes messages over SMTP and HTTP, answers after a while, and counts."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

LATENCY = 0.05  # seconds before every answer


@dataclass
class Sinks:
    """Where they listen, and how many messages each has taken."""

    smtp_port: int
    http_port: int
    _pipe: Connection

    def counts(self) -> tuple[int, int]:
        """Messages taken by SMTP and by HTTP."""
        self._pipe.send("count")
        return self._pipe.recv()


@contextmanager
def sinks() -> Iterator[Sinks]:
    """Both, until the end of the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_main, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Sinks(*ours.recv(), ours)
    finally:
        process.terminate()
        process.join()


def _main(pipe: Connection) -> None:
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    taken = {"smtp": 0, "http": 0}
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: _Smtp(taken), "127.0.0.1", 0)
    http = await loop.create_server(lambda: _Http(taken), "127.0.0.1", 0)
    pipe.send([server.sockets[0].getsockname()[1] for server in (smtp, http)])
    asked = asyncio.Event()

    def count() -> None:
        try:
            pipe.recv()
        except EOFError:
            asked.set()
        else:
            pipe.send((taken["smtp"], taken["http"]))

    loop.add_reader(pipe.fileno(), count)
    await asked.wait()


class _Sink(asyncio.Protocol):
    def __init__(self, taken: dict[str, int]) -> None:
        self.taken, self.data = taken, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def answer(self, words: bytes) -> None:
        asyncio.get_running_loop().call_later(LATENCY, self._write, words)

    def _write(self, words: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(words)


class _Smtp(_Sink):
    """RFC 5321 as far as one that takes everything needs it; every reply takes its time, as over a long line."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.reading_text = False
        self.answer(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.data += data
        while True:
            if self.reading_text:
                text, end, rest = self.data.partition(b"\r\n.\r\n")
                if not end:
                    return
                self.reading_text, self.data = False, rest
                self.taken["smtp"] += 1
                self.answer(b"250 taken\r\n")
                continue
            line, end, rest = self.data.partition(b"\r\n")
            if not end:
                return
            self.data = rest
            if line[:4].upper() == b"DATA":
                self.reading_text = True
                self.answer(b"354 go on\r\n")
            else:
                self.answer(b"250 fine\r\n")


class _Http(_Sink):
    """Answers every POST as Twilio's Messages resource does."""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            self.taken["http"] += 1
            body = b'{"sid": "SM%032x", "status": "queued"}' % self.taken["http"]
            self.answer(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
