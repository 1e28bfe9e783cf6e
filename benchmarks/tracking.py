"""`tracking`: clicks and opens at a fixed rate, with web, workers and scheduler as `make run` starts them.

Half of the requests follow a tracked link, half fetch the picture of an open, each on a connection of its own as
readers' programs do, 200 a second whatever the answers take; a request counts from the moment when it was to be sent.
At the end every click and open stands on its message. The floor inserts the same touches, a transaction each, which
neither side waits to see on the disk (`messaging.services.touches.note`).
"""

import socket
import threading
import time
from datetime import datetime, timedelta
from queue import SimpleQueue
from statistics import quantiles

from django.db import connection
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from messaging import tokens
from messaging.models import Link, Message
from messaging.services import links, outbox
from messaging.tokens import Purpose

RATE = 200  # requests a second
SENDERS = 16
WARM = 100  # requests beforehand: every process has started
PROCESSES = ("web", "worker", "scheduler")
PATIENCE = 60.0  # seconds to wait until all is counted
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


def run(size: int) -> Result:
    """Sends `size` requests, 200 a second, about half as many messages."""
    now = timezone.now()
    messages = _messages(size // 2 + 1 + WARM, now)
    (link,) = Link.objects.all()
    harness.settle()
    with harness.floor_connection() as database:
        database.execute("SET synchronous_commit = off")
        database.commit()
        floors = []
        for message in messages[: min(size, 1000)]:
            began = time.perf_counter()
            with database.transaction():
                database.execute(
                    "INSERT INTO messaging_touch (message_id, link_id, at, who) VALUES (%s, %s, %s, 'machine')",
                    [message, None, now],
                )
            floors.append(time.perf_counter() - began)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE messaging_touch")
    paths = []
    for message in messages:
        paths += [f"/o/{tokens.sign(Purpose.OPEN, message)}.gif", links.address(message, link.pk).partition(":8000")[2]]
    with harness.installation(*PROCESSES) as installation:
        warm, asked = paths[size : size + WARM], paths[:size]
        _send(installation.port, warm)
        used = installation.cpu_seconds()
        began = time.monotonic()
        taken = _send(installation.port, asked)
        seconds = time.monotonic() - began
        used = [after - before for before, after in zip(used, installation.cpu_seconds(), strict=True)]
        _wait_for(size + WARM)
        counted = time.monotonic() - began - seconds
        peak = installation.peak_rss_mb()
    rate, floor = size / seconds, len(floors) / sum(floors)
    ours, theirs = _percentiles(taken), _percentiles(floors)
    extra: dict[str, object] = {
        "p50_ms": ours[0], "p99_ms": ours[1], "floor_p50_ms": theirs[0], "floor_p99_ms": theirs[1],
        "counted_after_s": counted,
    }  # fmt: skip
    extra |= {f"{name}_cpu_ms": spent / size * 1000 for name, spent in zip(PROCESSES, used, strict=True)}
    return Result("tracking", size, seconds, rate, floor, rate / floor, peak, extra)


def _messages(number: int, now: datetime) -> list[int]:
    first, _ = people.make(number, now)
    drafts = [
        outbox.Draft(first + n, 1, n, "s1", 1, "email", "marketing", "a@example.com", "S", "https://shop.example/tea")
        for n in range(number)
    ]
    ids = outbox.queue(drafts, now)
    Message.objects.update(status="accepted", sent_at=now - timedelta(days=1))
    return ids


def _send(port: int, paths: list[str]) -> list[float]:
    """Seconds that each answer took, from the moment when its request was due."""
    waiting: SimpleQueue[tuple[float, str] | None] = SimpleQueue()
    began = time.monotonic() + 0.05
    for number, path in enumerate(paths):
        waiting.put((began + number / RATE, path))
    taken: list[float] = []
    failures: list[BaseException] = []

    def sender() -> None:
        try:
            while (due := waiting.get()) is not None:
                time.sleep(max(0.0, due[0] - time.monotonic()))
                _ask(port, due[1])
                taken.append(time.monotonic() - due[0])
        except BaseException as error:  # told below, in the thread that waits
            failures.append(error)

    senders = [threading.Thread(target=sender) for _ in range(SENDERS)]
    for thread in senders:
        waiting.put(None)
        thread.start()
    for thread in senders:
        thread.join()
    if failures:
        raise failures[0]
    return taken


def _ask(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as asked:
        asked.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\r\n".encode()
        )
        said = b""
        while part := asked.recv(65536):
            said += part
    if said[9:12] not in (b"200", b"302"):
        raise SystemExit(f"error: the web answered {said[:200]!r}")


def _wait_for(number: int) -> None:
    """Waits until so many opens and clicks are counted: every other request was a click."""
    deadline = time.monotonic() + PATIENCE
    while True:
        opens = Message.objects.filter(first_opened_at__isnull=False).count()
        clicks = Message.objects.filter(first_clicked_at__isnull=False).count()
        if opens == number - number // 2 and clicks == number // 2:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"error: of {number} requests {opens} opens and {clicks} clicks were counted")
        time.sleep(0.1)


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    cuts = quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000
