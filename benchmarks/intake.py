"""`intake`: a shop's calls through HTTP `/v1/batch`, by 4 connections in batches of 100, into two web workers.

The floor writes the same rows through 4 psycopg connections, a transaction a batch. The program that sends the
requests runs on the same machine: bodies are serialised beforehand.
"""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone

from benchmarks import harness, intake_floor, traffic
from benchmarks.harness import Result
from benchmarks.traffic import BATCH, CONNECTIONS, Call
from loyalty.intake import segment_http
from loyalty.models import Source
from loyalty.services import deliveries, sources

ROUNDS = 8  # at most: a round is a batch a connection at least
SECOND_HALF = 5_000_000  # where the floor's visitors are numbered from


def run(size: int) -> Result:
    """Takes `size` calls (rounded up to whole batches) in rounds, in turn with the floor."""
    now = timezone.now()
    began = now - timedelta(hours=1)
    least = CONNECTIONS * BATCH
    rounds = min(ROUNDS, -(-size // least))
    each = -(-size // (rounds * least))  # batches of a connection in a round
    harness.say("making calls, products and known visitors …")
    product, constant = (sources.create("segment", slug) for slug in ("product", "floor"))
    ours, theirs = traffic.Day(began), traffic.Day(began, SECOND_HALF)
    calls = [ours.batches(each) for _ in range(rounds)]
    headers = {
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(f"{product.secret}:".encode()).decode(),
    }

    def ready(batch: list[Call]) -> bytes:
        return harness.request("/v1/batch", traffic.body(batch, now), headers)

    requests = [[[ready(batch) for batch in batches] for batches in part] for part in calls]
    for source, first in ((product.source, 0), (constant.source, SECOND_HALF)):
        _take(source, traffic.catalogue(began) + traffic.known(first, first + ours.visitors, began), now)
    planner = intake_floor.Planner(sources.by_id(constant.source.pk), now, 4 * size + 10_000)
    plans = [_plan(planner, theirs.batches(each)) for _ in range(rounds)]
    harness.settle()
    with harness.installation("web") as web, harness.connections(CONNECTIONS) as databases:
        _send_all(web.port, [[ready(part)] for part in _warm_up(now)])
        products, floors = harness.rounds(
            rounds,
            lambda n: _send_all(web.port, requests[n]),
            lambda n: harness.side_by_side(
                lambda at: intake_floor.write(databases[at], constant.source.pk, plans[n][at]), CONNECTIONS
            ),
        )
        peak = web.peak_rss_mb()
    _check(product.source, constant.source)
    return harness.compare("intake", rounds * each * least, products, floors, each * least, peak)


def _take(source: Source, calls: Sequence[Call], now: datetime) -> None:
    """What was there before the day began, by the product's own way in."""
    source = sources.by_id(source.pk)
    taken = segment_http.read_call("batch", {"batch": list(calls)}, sources.origin(source), now)
    deliveries.take_items(source, taken, now)


def _plan(planner: intake_floor.Planner, part: list[list[list[Call]]]) -> list[list[intake_floor.Writes]]:
    return [[planner.plan(calls) for calls in batches] for batches in part]


def _warm_up(now: datetime) -> list[list[Call]]:
    """A request for each connection that writes nothing new: both workers load what they need."""
    return [traffic.catalogue(now - timedelta(hours=1))[:BATCH] for _ in range(2 * CONNECTIONS)]


def _send_all(port: int, ready: Sequence[Sequence[bytes]]) -> None:
    harness.side_by_side(
        lambda at: _send(port, [request for part in ready[at::CONNECTIONS] for request in part]), CONNECTIONS
    )


def _send(port: int, ready: Sequence[bytes]) -> None:
    """Posts requests one after another on one connection; every call of each must be taken."""
    caller = harness.Caller(port)
    for request in ready:
        said = caller.call(request)
        if orjson.loads(said)["accepted"] != BATCH:
            raise SystemExit(f"error: the web answered {said[:500]!r}")
    caller.close()


_COUNTS = """
SELECT (SELECT count(*) FROM loyalty_event WHERE source_id = %(source)s AND external_id NOT LIKE 'catalogue-%%'),
       (SELECT count(*) FROM loyalty_event WHERE source_id = %(source)s AND client_id IS NOT NULL),
       (SELECT count(*) FROM loyalty_unreadevent u JOIN loyalty_event e ON e.id = u.event_id
        WHERE e.source_id = %(source)s),
       (SELECT count(*) FROM loyalty_consent WHERE source_id = %(source)s),
       (SELECT count(*) FROM loyalty_identity WHERE scope = %(slug)s),
       (SELECT count(*) FROM loyalty_cart WHERE source_id = %(source)s),
       (SELECT count(*) FROM loyalty_cart WHERE source_id = %(source)s AND ordered_at IS NOT NULL),
       (SELECT count(*) FROM loyalty_order WHERE source_id = %(source)s AND client_id IS NOT NULL),
       (SELECT count(*) FROM loyalty_orderline l JOIN loyalty_order o ON o.id = l.order_id
        WHERE o.source_id = %(source)s),
       (SELECT count(*) FROM loyalty_purchase p JOIN loyalty_order o ON o.id = p.order_id
        WHERE o.source_id = %(source)s)
"""


def _check(product: Source, constant: Source) -> None:
    """Both sides wrote as many rows of every kind."""
    counts: list[Any] = []
    for source in (product, constant):
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, {"source": source.pk, "slug": source.slug})
            counts.append(cursor.fetchone())
    if counts[0] != counts[1]:
        raise SystemExit(f"error: the product wrote {counts[0]} rows, the floor {counts[1]}")
