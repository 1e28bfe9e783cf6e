"""`send`: the outbox of one process hands messages to providers that answer after 50 ms, by SMTP and by HTTP.

The providers are a process of their own; what they count must equal the log. The floor makes the same durable writes
(claimed, then accepted) and the same calls, by sockets and texts made by hand. `per_second` is that of the slower of
the two; both are told.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from benchmarks.sinks import Sinks, sinks
from loyalty.models import Consent
from messaging.jobs import pump
from messaging.models import Message, SmtpAccount, TwilioAccount
from scenarios.models import Scenario, ScenarioRun
from tests import builders

TOGETHER = 200  # calls in flight
ROUNDS = 3
PATIENCE = 120  # seconds for a round
BODY = "Hello, Anna! You have 250 bonuses: spend them on anything you like. See you soon in the shop."
SID = "AC" + "0" * 32


def run(size: int) -> Result:
    """Sends `size` messages by each way, in rounds."""
    now = timezone.now()
    each = max(1, size // ROUNDS)
    ids = people.make(each, now)
    scenario = builders.scenario()
    builders.email(builders.trunk(scenario))
    builders.live(scenario, now)
    _enrol(scenario, ids, now)
    _agree_to_sms()
    taken: dict[str, tuple[list[float], list[float]]] = {}
    # The process of the sinks is forked: it must not share a connection.
    connection.close()
    with sinks() as providers:
        settings.TWILIO_API_BASE = f"http://127.0.0.1:{providers.http_port}"
        SmtpAccount.objects.create(
            name="SMTP", channel="email", from_email="shop@example.com", host="127.0.0.1", port=providers.smtp_port,
            security=SmtpAccount.Security.NONE, concurrency=TOGETHER,
        )  # fmt: skip
        TwilioAccount.objects.create(
            name="HTTP", channel="sms", sid=SID, token="token", number="+15005550006", concurrency=TOGETHER
        )
        harness.settle()
        with harness.floor_connection() as database:
            for channel, port in (("email", providers.smtp_port), ("sms", providers.http_port)):
                floor = _Floor(database, channel, port)
                taken[channel] = _rounds(scenario, ids, channel, floor)
        _check(providers, each)
    rates = {channel: each * ROUNDS / sum(products) for channel, (products, _) in taken.items()}
    slower = min(rates, key=lambda channel: rates[channel])
    told = {"smtp_per_second": rates["email"], "http_per_second": rates["sms"], "latency_ms": 50, "in_flight": TOGETHER}
    return harness.compare("send", size, *taken[slower], each, harness.peak_rss_mb(), **told)


def _enrol(scenario: Scenario, ids: tuple[int, int], now: datetime) -> None:
    people.fill(
        ScenarioRun,
        "FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS id",
        {"scenario": scenario.pk, "now": now, "first": ids[0], "last": ids[1]},
        scenario_id="%(scenario)s",
        client_id="id",
        occurrence="'benchmark'",
        due_at="%(now)s + interval '1 day'",
        entered_at="%(now)s - interval '1 hour'",
    )


def _agree_to_sms() -> None:
    """Who agreed to e-mail agreed to SMS too."""
    same = {name: name for name in ("client_id", "topic", "granted", "source_id", "given_at")}
    people.fill(Consent, "FROM loyalty_consent", {}, channel="'sms'", **same)


def _queue(scenario: Scenario, channel: str, step: str, status: str) -> None:
    """A message of every run, queued for the product, or put where only the floor finds it."""
    address = (
        "'client' || r.client_id || '@example.com'"
        if channel == "email"
        else "'+79' || lpad(r.client_id::text, 9, '0')"
    )
    people.fill(
        Message,
        "FROM scenarios_scenariorun r",
        {"channel": channel, "step": step, "status": status, "now": timezone.now(), "body": BODY},
        client_id="r.client_id",
        scenario_id="r.scenario_id",
        run_id="r.id",
        step_key="%(step)s",
        channel="%(channel)s",
        topic="'marketing'",
        address=address,
        subject="'Your bonuses are waiting'",
        body="%(body)s",
        status="%(status)s",
        due_at="%(now)s",
        created_at="%(now)s",
    )


def _rounds(scenario: Scenario, ids: tuple[int, int], channel: str, floor: "_Floor") -> tuple[list[float], list[float]]:
    products: list[float] = []
    floors: list[float] = []
    for number in range(ROUNDS):
        for side in ("product", "floor") if number % 2 == 0 else ("floor", "product"):
            _queue(scenario, channel, f"{channel}-{side}-{number}", "queued")
            connection.cursor().execute("ANALYZE messaging_message")
            began = time.perf_counter()
            if side == "product":
                _send(channel)
                products.append(time.perf_counter() - began)
            else:
                floor.send()
                floors.append(time.perf_counter() - began)
    return products, floors


def _send(channel: str) -> None:
    """The job of the outbox, as a worker runs it."""
    deadline = time.monotonic() + PATIENCE
    while Message.objects.filter(channel=channel, status__in=["queued", "sending"]).exists():
        pump()
        if time.monotonic() > deadline:
            raise SystemExit("error: the messages were not sent in time")


def _check(providers: Sinks, each: int) -> None:
    """What the providers took is what the log says: by the product and by the floor."""
    logged = tuple(Message.objects.filter(channel=channel, status="accepted").count() for channel in ("email", "sms"))
    if providers.counts() != logged or set(logged) != {2 * ROUNDS * each}:
        raise SystemExit(f"error: the providers took {providers.counts()}, the log says {logged}")


class _Floor:
    """The cheapest program that sends as many: batches over open sockets, two statements each."""

    def __init__(self, database: psycopg.Connection, channel: str, port: int) -> None:
        self._database, self._channel, self._port = database, channel, port

    def send(self) -> None:
        """Sends all that is queued."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        speak = _smtp if self._channel == "email" else _http
        lines = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(TOGETHER)]
        if self._channel == "email":
            await asyncio.gather(*(_greet(*line) for line in lines))
        while batch := self._claim():
            sids = await asyncio.gather(
                *(speak(*line, message, address) for line, (message, address) in zip(lines, batch, strict=False))
            )
            self._settle([message for message, _ in batch], sids)
        for _, writer in lines:
            writer.close()

    def _claim(self) -> list[tuple[int, str]]:
        with self._database.transaction():
            return self._database.execute(
                """UPDATE messaging_message SET status = 'sending', claimed_at = now(), tries = tries + 1
                   WHERE id IN (SELECT id FROM messaging_message
                                WHERE status = 'queued' AND channel = %s AND account_id = 0 AND turn = 0
                                ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
                   RETURNING id, address""",
                [self._channel, TOGETHER],
            ).fetchall()

    def _settle(self, ids: list[int], sids: list[str]) -> None:
        with self._database.transaction():
            self._database.execute(
                """UPDATE messaging_message m SET status = 'accepted', sent_at = now(), claimed_at = NULL, cost = 0,
                     provider_id = t.sid
                   FROM unnest(%s::bigint[], %s::text[]) AS t(id, sid) WHERE m.id = t.id""",
                [ids, sids],
            )


Speaker = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int, str], Awaitable[str]]


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"EHLO benchmark\r\n")
    await reader.readline()


async def _smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: int, address: str) -> str:
    name = f"<loyalty-{message}@example.com>"
    for words in (
        "MAIL FROM:<shop@example.com>\r\n",
        f"RCPT TO:<{address}>\r\n",
        "DATA\r\n",
        f"Subject: Your bonuses are waiting\r\nFrom: shop@example.com\r\nTo: {address}\r\nMessage-ID: {name}\r\n\r\n"
        f"{BODY}\r\n.\r\n",
    ):
        writer.write(words.encode())
        if (await reader.readline())[:1] not in b"23":
            raise SystemExit("error: the sink refuses")
    return name


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _message: int, address: str) -> str:
    body = f"To={address}&From=%2B15005550006&Body={BODY}".replace(" ", "+").encode()
    head = (
        f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1\r\nHost: sink\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    said = (await reader.readuntil(b"\r\n\r\n")).lower()
    answer = await reader.readexactly(int(said.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
    return answer.split(b'"')[3].decode()
