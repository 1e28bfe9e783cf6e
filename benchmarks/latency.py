"""`latency`: from a shop's webhook to a queued message, with web, workers and scheduler as `make run` starts them.

Signed webhooks come at a fixed rate, whatever the answers take, each about another client: three of ten place an
order, which starts a run that queues an e-mail; the others fill carts and look at goods. A message counts from the
moment its webhook was to be sent until another connection sees the message. The floor writes the same kinds of rows,
one event after another, a transaction each.
"""

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
from loyalty.models import Cart, Event, Order, OrderLine, Source
from loyalty.services import sources
from messaging.models import Message
from scenarios.models import RunLog, Scenario, ScenarioRun
from tests import builders

RATE = 200  # webhooks a second
PROCESSES = ("web", "worker", "scheduler")
SENDERS = 8  # connections of the shop
FLOOR = 1000  # transactions of the floor
LOOK = 0.02  # seconds between two looks for new messages
PATIENCE = 60.0  # seconds to wait for the first and for the last message

# Of as many clients: the first place an order, the next fill a cart, the others look at goods.
CYCLE, ORDERS, CARTS = 20, 6, 10


def run(size: int) -> Result:
    """Sends `size` webhooks, 200 a second."""
    now = timezone.now()
    first, _ = people.make(size + CYCLE, now)
    clients = range(first, first + size)
    # One more for warming up: every process has started once its message is there.
    warm = next(client for client in range(clients.stop, clients.stop + CYCLE) if client % CYCLE == 0)
    buyers = [client for client in clients if client % CYCLE < ORDERS]
    shop = sources.create(Source.Kind.SHOP, "shop").source
    scenario = builders.scenario({"event_name": "order.created"})
    builders.email(builders.trunk(scenario), body="Thank you, {{ client.first_name | default: 'friend' }}!")
    builders.live(scenario, now)
    harness.settle()
    with harness.floor_connection() as database:
        program = _Floor(database, scenario, shop, first)
        floors = [program.write(number) for number in range(FLOOR)]
    with harness.installation(*PROCESSES) as installation:
        with _Watch(first) as watch:
            harness.Caller(installation.port).call(_signed(shop, warm, timezone.now()))
            watch.wait(1)
            webhooks = [_signed(shop, client, timezone.now()) for client in clients]
            used = installation.cpu_seconds()
            began = time.monotonic()
            _send_at_rate(installation.port, webhooks, began)
            watch.wait(1 + len(buyers))
            used = [after - before for before, after in zip(used, installation.cpu_seconds(), strict=True)]
        peak = installation.peak_rss_mb()
    taken = [watch.seen[client] - (began + (client - first) / RATE) for client in buyers]
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


def _signed(shop: Source, client: int, now: datetime) -> bytes:
    """What the shop tells of one client, signed: a request."""
    message = f"event-{client}"
    product = {"product_id": f"P-{client % 100}", "title": f"Green tea {client % 100}", "price": "450.00"}
    name, data = ("product.viewed", product)
    if client % CYCLE < ORDERS:
        name, data = "order.created", {"order_id": str(client), "lines": [product | {"quantity": 3}]}
    elif client % CYCLE < CARTS:
        name, data = "cart.updated", {"cart_token": str(client), "lines": [product | {"quantity": 1}]}
    body = orjson.dumps({
        "type": name,
        "timestamp": now.isoformat(),
        "client": {"id": str(client), "email": f"client{client}@example.com", "first_name": "Anna"},
        "data": data | {"currency": "RUB"},
    })  # fmt: skip
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(shop.secret).sign(message, now, body.decode()),
    }
    return harness.request(f"/webhooks/shop/{shop.slug}/", body, headers)


def _send_at_rate(port: int, webhooks: list[bytes], began: float) -> None:
    """Sends each webhook at its time; where all connections are busy it goes out late, and counts from its time."""
    waiting: SimpleQueue[tuple[float, bytes] | None] = SimpleQueue()
    for number, webhook in enumerate(webhooks):
        waiting.put((began + number / RATE, webhook))
    failures: list[BaseException] = []

    def sender() -> None:
        caller = harness.Caller(port)
        try:
            while (due := waiting.get()) is not None:
                time.sleep(max(0.0, due[0] - time.monotonic()))
                caller.call(due[1])
        except BaseException as error:  # told below, in the thread that waits
            failures.append(error)
        finally:
            caller.close()

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
                    [newest - 50, self.first],
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
        """Writes an event, and the cart or the order, run, log and message; answers the seconds that it took."""
        values = self.values | {"now": timezone.now(), "key": f"floor-{number}"}
        began = time.perf_counter()
        with self.database.transaction():
            self._insert(
                Event, values, source_id="source", external_id="key", name="'order.created'", client_id="client",
                occurred_at="now", received_at="now", payload="payload", raw="payload",
            )  # fmt: skip
            if number % CYCLE < ORDERS:
                self._order(values)
            elif number % CYCLE < CARTS:
                self._insert(Cart, values, source_id="source", token="key", client_id="client", changed_at="now")
        return time.perf_counter() - began

    def _order(self, values: dict[str, object]) -> None:
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
