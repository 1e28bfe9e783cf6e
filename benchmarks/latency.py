"""`latency`: from a shop's webhook to a queued message, with web, workers and scheduler as `make run` starts them.

Signed `order.created` webhooks come at a fixed rate, whatever the answers take; each is about another client and
starts a run that queues an e-mail. A message counts from the moment its webhook was to be sent until another
connection sees the message. The floor writes the same rows for one event after another, a transaction each.
"""

import http.client
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from queue import SimpleQueue
from statistics import quantiles

import orjson
import psycopg
from django.db.models import Model
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from benchmarks import harness, people
from benchmarks.harness import Result
from loyalty.models import Event, Order, OrderLine, Source
from loyalty.services import sources
from messaging.models import Message
from scenarios.models import RunLog, Scenario, ScenarioRun
from tests import builders

RATE = 200  # webhooks a second
PROCESSES = ("web", "worker", "scheduler")
SENDERS = 8  # connections of the shop
FLOOR = 1000  # transactions of the floor
LOOK = 0.01  # seconds between two looks for new messages
PATIENCE = 60.0  # seconds to wait for the first and for the last message

Signed = tuple[bytes, dict[str, str]]


def run(size: int) -> Result:
    """Sends `size` webhooks, 200 a second."""
    now = timezone.now()
    first, last = people.make(size + 1, now)
    shop = sources.create(Source.Kind.SHOP, "shop").source
    scenario = builders.scenario({"event_name": "order.created"})
    builders.email(builders.trunk(scenario), body="Thank you, {{ client.first_name | default: 'friend' }}!")
    builders.live(scenario, now)
    harness.settle()
    with harness.floor_connection() as database:
        program = _Floor(database, scenario, shop, first)
        floors = [program.write(number) for number in range(FLOOR)]
    with harness.installation(*PROCESSES) as installation:
        path = f"/webhooks/shop/{shop.slug}/"
        with _Watch(first) as watch:
            # The last client is for warming up: every process has started once its message is there.
            _send(installation.port, path, [_signed(shop, last, timezone.now())])
            watch.wait(1)
            webhooks = [_signed(shop, client, timezone.now()) for client in range(first, last)]
            used = installation.cpu_seconds()
            began = time.monotonic()
            _send_at_rate(installation.port, path, webhooks, began)
            watch.wait(size + 1)
            used = [after - before for before, after in zip(used, installation.cpu_seconds(), strict=True)]
        peak = installation.peak_rss_mb()
    taken = sorted(watch.seen[client] - (began + n / RATE) for n, client in enumerate(range(first, last)))
    seconds = max(watch.seen.values()) - began
    rate, floor = size / seconds, FLOOR / sum(floors)
    ours, theirs = _percentiles(taken), _percentiles(floors)
    extra: dict[str, object] = {
        "p50_ms": ours[0],
        "p99_ms": ours[1],
        "floor_p50_ms": theirs[0],
        "floor_p99_ms": theirs[1],
    }
    # Processor time an event, which other programs on the machine do not change as they change the clock's.
    extra |= {f"{name}_cpu_ms": seconds / size * 1000 for name, seconds in zip(PROCESSES, used, strict=True)}
    return Result("latency", size, seconds, rate, floor, rate / floor, peak, extra)


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """The 50th and the 99th, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return cuts[49] * 1000, cuts[98] * 1000


def _signed(shop: Source, client: int, now: datetime) -> Signed:
    """A paid order of one client, as the shop signs it."""
    message = f"order-{client}"
    body = orjson.dumps({
        "type": "order.created",
        "timestamp": now.isoformat(),
        "client": {"email": f"client{client}@example.com"},
        "data": {
            "order_id": str(client),
            "currency": "RUB",
            "total": "1350.00",
            "lines": [{"product_id": f"P-{client % 100}", "title": "Green tea", "quantity": 3, "price": "450.00"}],
        },
    })  # fmt: skip
    return body, {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(shop.secret).sign(message, now, body.decode()),
    }


def _send(port: int, path: str, webhooks: list[Signed]) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body, headers in webhooks:
        _post(client, path, body, headers)
    client.close()


def _post(client: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> None:
    client.request("POST", path, body, headers)
    with client.getresponse() as answer:
        said = answer.read()
    if answer.status != 200:
        raise SystemExit(f"error: the web answered {answer.status}: {said[:500]!r}")


def _send_at_rate(port: int, path: str, webhooks: list[Signed], began: float) -> None:
    """Sends each webhook at its time; where all connections are busy it goes out late, and counts from its time."""
    waiting: SimpleQueue[tuple[float, Signed] | None] = SimpleQueue()
    for number, webhook in enumerate(webhooks):
        waiting.put((began + number / RATE, webhook))
    failures: list[BaseException] = []

    def sender() -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while (due := waiting.get()) is not None:
                time.sleep(max(0.0, due[0] - time.monotonic()))
                _post(client, path, *due[1])
        except BaseException as error:  # told below, in the thread that waits
            failures.append(error)
        finally:
            client.close()

    senders = [threading.Thread(target=sender) for _ in range(SENDERS)]
    for thread in senders:
        waiting.put(None)
        thread.start()
    for thread in senders:
        thread.join()
    if failures:
        raise failures[0]


@dataclass
class _Watch:
    """Looks, on a connection of its own, when the message of each client can be seen."""

    first: int
    seen: dict[int, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "_Watch":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        newest = 0
        with harness.floor_connection() as database:
            database.autocommit = True
            while not self._stop.wait(LOOK):
                # Ids are given before the commit: one that is a little older may appear a little later.
                rows = database.execute(
                    "SELECT id, client_id FROM messaging_message WHERE id > %s AND client_id >= %s",
                    [newest - 300, self.first],
                ).fetchall()
                at = time.monotonic()
                for message, client in rows:
                    self.seen.setdefault(client, at)
                    newest = max(newest, message)

    def wait(self, number: int) -> None:
        """Waits until so many clients have their message."""
        deadline = time.monotonic() + PATIENCE
        while len(self.seen) < number:
            if time.monotonic() > deadline:
                raise SystemExit(f"error: {len(self.seen)} of {number} messages were queued in {PATIENCE:.0f} s")
            time.sleep(LOOK)


class _Floor:
    """One event and what follows from it, in one transaction of plain statements."""

    def __init__(self, database: psycopg.Connection, scenario: Scenario, shop: Source, client: int) -> None:
        release = scenario.live_release
        assert release is not None
        self.database = database
        self.values: dict[str, object] = {
            "source": shop.pk,
            "client": client,
            "scenario": scenario.pk,
            "step": release.snapshot["steps"][0]["key"],
            "address": f"client{client}@example.com",
            "payload": orjson.dumps({"total": "1350.00", "currency": "RUB"}).decode(),
        }

    def write(self, number: int) -> float:
        """Writes event, order, run, log and message; answers the seconds that it took."""
        values = self.values | {"now": timezone.now(), "key": f"floor-{number}"}
        began = time.perf_counter()
        with self.database.transaction():
            self._insert(
                Event, values, source_id="source", external_id="key", name="'order.created'", client_id="client",
                occurred_at="now", received_at="now", payload="payload", raw="payload",
            )  # fmt: skip
            order = self._insert(
                Order, values, source_id="source", external_id="key", client_id="client", currency="'RUB'",
                total="135000", ordered_at="now", changed_at="now",
            )  # fmt: skip
            self._insert(
                OrderLine, values | {"order": order}, order_id="order", position="0", title="'Green tea'",
                quantity="3", price="45000", total="135000",
            )  # fmt: skip
            run = self._insert(
                ScenarioRun, values, scenario_id="scenario", client_id="client", occurrence="key",
                state="'completed'", step_key="step", visits="1", entered_at="now", finished_at="now",
            )  # fmt: skip
            message = self._insert(
                Message, values | {"run": run}, client_id="client", scenario_id="scenario", run_id="run",
                step_key="step", channel="'email'", topic="'marketing'", address="address", subject="'Hello'",
                body="'Thank you, friend!'", status="'accepted'", due_at="now", created_at="now",
            )  # fmt: skip
            for kind in ("entered", "step", "ended"):
                self._insert(
                    RunLog, values | {"run": run, "message": message, "kind": kind}, scenario_id="scenario",
                    client_id="client", run_id="run", kind="kind", message_id="message", created_at="now",
                )  # fmt: skip
        return time.perf_counter() - began

    def _insert(self, model: type[Model], values: dict[str, object], **columns: str) -> int:
        """Inserts a row, each column the name of a value or a literal of SQL; answers its id."""
        statement = _statement(model, tuple(columns.items()), frozenset(values))
        row = self.database.execute(statement, values | harness.blanks(model, ",".join(columns))).fetchone()
        return row[0]  # type: ignore[index]  # one row


@cache
def _statement(model: type[Model], columns: tuple[tuple[str, str], ...], names: frozenset[str]) -> str:
    blanks = list(harness.blanks(model, ",".join(column for column, _ in columns)))
    told = [f"%({value})s" if value in names else value for _, value in columns] + [f"%({name})s" for name in blanks]
    into = ", ".join([*(column for column, _ in columns), *blanks])
    return f"INSERT INTO {model._meta.db_table} ({into}) VALUES ({', '.join(told)}) RETURNING id"
