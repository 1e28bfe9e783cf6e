"""`redemption`: tills pay with bonuses over HTTP, `bonuses/holds/` and its `capture/`, into two web workers.

First as fast as 4 tills can, in turn with the floor: the same rows through 4 psycopg connections, a transaction
for the hold and one for the capture, no lock, no look at what is available, no answer kept but its bare row.
Then at a steady 50 requests a second, 25 redemptions, each by a client of its own: `p50_ms` and `p99_ms` are of
hold and capture together, counted from when the redemption was due, so that a server that falls behind cannot hide it.
"""

import http.client
import threading
import time
from datetime import datetime, timedelta
from queue import Queue
from statistics import quantiles

import orjson
import psycopg
from django.db import connection
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from loyalty.models import ApiKey
from loyalty.services import api_keys, ledger, stream

TILLS = 4
ROUNDS = 4
AMOUNT = 10
RATE = 25  # redemptions a second in the steady part, two requests each
SECONDS = 20
STEADY_TILLS = 8


def run(size: int) -> Result:
    """Redeems `size` times (rounded up to whole rounds), each by a client of its own, then at the steady rate."""
    now = timezone.now()
    each = -(-size // (ROUNDS * TILLS)) * TILLS
    steady = RATE * SECONDS
    harness.say("making clients with bonuses …")
    first, _last = people.make(2 * ROUNDS * each + steady + TILLS, now)
    lots = _lots(first, now)
    key, secret = api_keys.create("benchmark", ["bonuses:write"], now)
    ApiKey.objects.update(rate=100_000_000)
    platform = stream.platform().pk
    harness.settle()
    ids = sorted(lots)
    parts = [ids[n * each : (n + 1) * each] for n in range(2 * ROUNDS)]
    with harness.installation("web") as web, harness.connections(TILLS) as databases:
        harness.side_by_side(lambda n: _Till(web.port, secret, f"warm:{n}").redeem(ids[-1 - n]), TILLS)
        products, floors = harness.rounds(
            ROUNDS,
            lambda n: harness.side_by_side(
                lambda at: _redeem_all(web.port, secret, f"{n}:{at}", parts[n][at::TILLS]), TILLS
            ),
            lambda n: harness.side_by_side(
                lambda at: _floor(databases[at], key.pk, platform, lots, parts[ROUNDS + n][at::TILLS], f"{n}:{at}"),
                TILLS,
            ),
        )
        latencies = _steadily(web.port, secret, ids[2 * ROUNDS * each : 2 * ROUNDS * each + steady])
        peak = web.peak_rss_mb()
    differences = ledger.audit()
    if differences:
        raise SystemExit(f"error: the ledger does not add up: {differences[:3]}")
    cuts = quantiles(latencies, n=100)
    told = {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000, "max_ms": max(latencies) * 1000}
    return harness.compare("redemption", ROUNDS * each, products, floors, each, peak, at_rate=2 * RATE, **told)


def _lots(first: int, now: datetime) -> dict[int, int]:
    """Gives every client bonuses; returns the lots by client."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM loyalty_client WHERE id >= %s", [first])
        ids = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(ids), 5000):
        part = ids[start : start + 5000]
        ends = now + timedelta(days=1)  # soonest to burn: this lot is the one that is spent
        ledger.accrue_many("benchmark", [ledger.Grant(c, 1000, f"gift:{c}", now, ends) for c in part], now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_id, max(id) FROM loyalty_bonuslot GROUP BY client_id")
        return dict(cursor.fetchall())


class _Till:
    """A till on a connection of its own."""

    def __init__(self, port: int, secret: str, name: str) -> None:
        self.client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        self.name = name

    def redeem(self, client: int) -> None:
        """Hold, then capture."""
        body = {"client": str(client), "amount": AMOUNT, "reason": "receipt"}
        hold = self._post("holds/", body, f"{self.name}:{client}:hold", 201)["id"]
        self._post(f"holds/{hold}/capture/", {}, f"{self.name}:{client}:capture", 200)

    def _post(self, path: str, body: dict[str, object], key: str, status: int) -> dict[str, int]:
        headers = self.headers | {"Idempotency-Key": key}
        self.client.request("POST", f"/api/v1/bonuses/{path}", orjson.dumps(body), headers)
        with self.client.getresponse() as answer:
            said = answer.read()
        if answer.status != status:
            raise SystemExit(f"error: the web answered {answer.status}: {said[:500]!r}")
        return orjson.loads(said)


def _redeem_all(port: int, secret: str, name: str, clients: list[int]) -> None:
    till = _Till(port, secret, name)
    for client in clients:
        till.redeem(client)


def _steadily(port: int, secret: str, clients: list[int]) -> list[float]:
    """Redeems at RATE; returns the seconds from when each was due to its end."""
    due: Queue[tuple[float, int] | None] = Queue()
    taken: list[float] = []

    def work(at: int) -> None:
        till = _Till(port, secret, f"steady:{at}")
        while (item := due.get()) is not None:
            moment, client = item
            till.redeem(client)
            taken.append(time.perf_counter() - moment)

    def feed() -> None:
        began = time.perf_counter()
        for number, client in enumerate(clients):
            moment = began + number / RATE
            time.sleep(max(0.0, moment - time.perf_counter()))
            due.put((moment, client))
        for _ in range(STEADY_TILLS):
            due.put(None)

    feeder = threading.Thread(target=feed)
    feeder.start()
    harness.side_by_side(work, STEADY_TILLS)
    feeder.join()
    return taken


_HOLD = """
WITH note AS (
  INSERT INTO loyalty_idempotentrequest (api_key_id, key, fingerprint, status, body, created_at)
  VALUES (%(api_key)s, %(key)s || ':hold', %(content)s, 201, '', %(now)s)),
hold AS (
  INSERT INTO loyalty_bonushold (client_id, source, key, fingerprint, amount, captured, state, reason, deadline,
                                 created_at)
  VALUES (%(client)s, 'floor', %(key)s, %(content)s, %(amount)s, 0, 'open', 'receipt', %(deadline)s, %(now)s)
  RETURNING id)
INSERT INTO loyalty_bonusholdallocation (hold_id, lot_id, amount) SELECT id, %(lot)s, %(amount)s FROM hold
RETURNING hold_id"""

_CAPTURE = """
WITH note AS (
  INSERT INTO loyalty_idempotentrequest (api_key_id, key, fingerprint, status, body, created_at)
  VALUES (%(api_key)s, %(key)s || ':capture', %(content)s, 200, '', %(now)s)),
op AS (
  INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason, posted_at)
  VALUES (%(client)s, 'spend', -%(amount)s, 'floor', %(key)s, %(content)s, 'receipt', %(now)s) RETURNING id),
entry AS (
  INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
  SELECT id, %(lot)s, %(client)s, -%(amount)s FROM op),
lot AS (UPDATE loyalty_bonuslot SET remaining = remaining - %(amount)s WHERE id = %(lot)s),
account AS (UPDATE loyalty_bonusaccount SET posted = posted - %(amount)s WHERE client_id = %(client)s),
hold AS (
  UPDATE loyalty_bonushold SET state = 'captured', captured = amount, resolved_at = %(now)s, operation_id = op.id
  FROM op WHERE loyalty_bonushold.id = %(hold)s),
event AS (
  INSERT INTO loyalty_event (source_id, external_id, name, client_id, anonymous_id, occurred_at, received_at, payload,
                             depth)
  SELECT %(platform)s, 'floor:' || id, 'bonus.spent', %(client)s, '', %(now)s, %(now)s,
         '{"amount": 10, "reason": "receipt"}', 0 FROM op RETURNING id)
INSERT INTO loyalty_unreadevent (event_id) SELECT id FROM event"""


def _floor(
    database: psycopg.Connection, api_key: int, platform: int, lots: dict[int, int], clients: list[int], name: str
) -> None:
    now = timezone.now()
    values = {
        "api_key": api_key,
        "platform": platform,
        "content": "f" * 64,
        "amount": AMOUNT,
        "now": now,
        "deadline": now + timedelta(minutes=15),
    }
    for client in clients:
        own = values | {"client": client, "lot": lots[client], "key": f"floor:{name}:{client}"}
        with database.transaction():
            row = database.execute(_HOLD, own).fetchone()
        with database.transaction():
            database.execute(_CAPTURE, own | {"hold": row[0]})  # type: ignore[index]  # one row
