"""`segment`: a dynamic segment of five conditions, over N clients with 10 N orders, computed as a whole and by delta.

The floor is the statement that somebody who knows the tables writes by hand for these five conditions, with the same
members and events as its result. It explains nothing, serves one rule, and takes no account of goods that were
returned one by one.
"""

import time
from datetime import datetime, timedelta
from statistics import median

import psycopg
from django.db import connection
from django.utils import timezone

from benchmarks import base, harness
from benchmarks.harness import Result
from benchmarks.people import fill
from loyalty.models import Order, OrderLine
from loyalty.services import stream
from segments.conditions.attribute import AttributeCondition
from segments.conditions.consent import ConsentCondition
from segments.conditions.goods import GoodsCondition
from segments.conditions.orders import OrdersCondition
from segments.models import Segment
from segments.services import changed, definition, dynamic
from tests import builders

ROUNDS = 3  # each into a segment of its own
CHANGED = 100  # one client of so many changes before a delta


def run(size: int) -> Result:
    """Computes the same segment of `size` clients a round on either side; then keeps one true by delta."""
    now = timezone.now()
    base.make(size, now)
    builders.programme(currency="RUB")
    segments = [_segment(f"segment-{n}", now) for n in range(ROUNDS)]
    by_hand = [builders.segment(f"by-hand-{n}") for n in range(ROUNDS)]
    source = stream.platform().pk
    harness.settle()
    with harness.floor_connection() as database:
        products, floors = harness.rounds(
            ROUNDS,
            lambda n: _product(segments[n], now),
            lambda n: _floor(database, by_hand[n], source, now),
        )
    members = _same(segments[0], by_hand[0])
    for segment in (*segments[1:], *by_hand):
        definition.delete(segment)
    harness.settle()
    deltas, rebuilds = [], []
    for n in range(ROUNDS):
        now += timedelta(minutes=1)
        _change(n, now)
        deltas.append(_seconds(lambda: dynamic.refresh(now)))  # noqa: B023  # called at once
        rebuilds.append(_seconds(lambda: _nothing_left(segments[0], now)))  # noqa: B023
    delta, rebuild = median(deltas), median(rebuilds)
    return harness.compare(
        "segment",
        size,
        products,
        floors,
        size,
        harness.peak_rss_mb(),
        members=members,
        delta_clients=size // CHANGED,
        delta_seconds=delta,
        rebuild_seconds=rebuild,
        # A rebuild that finds nothing to change, and one from nothing, as after an edit.
        rebuild_per_delta=rebuild / delta,
        full_per_delta=median(products) / delta,
    )


def _segment(slug: str, now: datetime) -> Segment:
    """3 orders and 1000 roubles in a year, something of category 7 in half a year, from Riga, agreed to e-mail."""
    return definition.define(
        Segment(name=slug, slug=slug),
        builders.conditions(
            OrdersCondition(measure="count", bound="at_least", amount=3, days=365),
            OrdersCondition(measure="sum", bound="at_least", amount=1000, days=365),
            GoodsCondition(deed="bought", kind="category", value="Category 7", count=1, days=180),
            AttributeCondition(attribute="attributes.city", operator="equals", value="Riga"),
            ConsentCondition(channel="email"),
        ),
        now,
    )


def _product(segment: Segment, now: datetime) -> None:
    if not dynamic.recompute(segment.pk, now):
        raise SystemExit("error: nobody entered")


def _floor(database: psycopg.Connection, segment: Segment, source: int, now: datetime) -> None:
    year, half = now - timedelta(days=365), now - timedelta(days=180)
    with database.transaction():
        database.execute(
            """WITH fit AS (
                 SELECT c.id FROM loyalty_client c
                 JOIN (SELECT client_id FROM loyalty_order
                       WHERE status IN ('paid', 'part_refunded') AND ordered_at BETWEEN %(year)s AND %(now)s
                       GROUP BY client_id HAVING count(*) >= 3 AND sum(total - refunded) >= 100000) often
                   ON often.client_id = c.id
                 JOIN (SELECT DISTINCT ON (client_id) client_id, granted FROM loyalty_consent
                       WHERE channel = 'email' AND topic = 'marketing'
                       ORDER BY client_id, given_at DESC, id DESC) said ON said.client_id = c.id AND said.granted
                 WHERE c.merged_into_id IS NULL AND lower(c.attributes ->> 'city') = 'riga'
                   AND c.id IN (SELECT o.client_id FROM loyalty_order o
                                JOIN loyalty_orderline l ON l.order_id = o.id
                                JOIN loyalty_product p ON p.id = l.product_id
                                JOIN loyalty_category k ON k.id = p.category_id AND k.name = 'Category 7'
                                WHERE o.status IN ('paid', 'part_refunded')
                                  AND o.ordered_at BETWEEN %(half)s AND %(now)s)),
               came AS (
                 INSERT INTO segments_membership (segment_id, client_id, entered_at)
                 SELECT %(segment)s, id, %(now)s FROM fit RETURNING id, client_id)
               INSERT INTO loyalty_event (source_id, external_id, name, client_id, anonymous_id, occurred_at,
                                          received_at, payload, depth)
               SELECT %(source)s, 'segment.entered:' || id, 'segment.entered', client_id, '', %(now)s, %(now)s,
                      jsonb_build_object('segment', %(slug)s::text), 0
               FROM came""",
            {"year": year, "half": half, "now": now, "segment": segment.pk, "slug": segment.slug, "source": source},
        )


def _same(segment: Segment, by_hand: Segment) -> int:
    """How many members either has; ends the benchmark where they are not the same."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*), count(*) FILTER (WHERE a.client_id IS NULL OR b.client_id IS NULL)
               FROM (SELECT client_id FROM segments_membership WHERE segment_id = %s) a
               FULL JOIN (SELECT client_id FROM segments_membership WHERE segment_id = %s) b USING (client_id)""",
            [segment.pk, by_hand.pk],
        )
        members, different = cursor.fetchone()
    if different:
        raise SystemExit(f"error: product and floor differ in {different} of {members} clients")
    return members


def _change(number: int, now: datetime) -> None:
    """One client of a hundred orders some product or other, and is marked as the readers of events mark."""
    at = now - timedelta(seconds=10)
    values = {"at": at, "number": number, "changed": CHANGED, "products": base.PRODUCTS}
    fill(
        Order,
        "FROM loyalty_client WHERE (hashint8(id) & 65535) %% %(changed)s = %(number)s",
        values,
        source_id="(SELECT id FROM loyalty_source WHERE slug = 'base')",
        external_id="'new-' || %(number)s::int || '-' || id",
        client_id="id",
        status="'paid'",
        currency="'RUB'",
        total="50000",
        ordered_at="%(at)s",
        changed_at="%(at)s",
    )
    fill(
        OrderLine,
        "FROM loyalty_order o JOIN loyalty_product p ON p.external_id = 'p' || 1 + o.id %% %(products)s"
        " WHERE o.ordered_at = %(at)s",
        values,
        order_id="o.id",
        position="0",
        product_id="p.id",
        quantity="1",
        price="o.total",
        total="o.total",
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_id FROM loyalty_order WHERE ordered_at = %s", [at])
        changed.mark((changed.Change(client_id) for (client_id,) in cursor.fetchall()), now)
        # What the shop wrote is not the segment's to flush.
        cursor.execute("CHECKPOINT")


def _nothing_left(segment: Segment, now: datetime) -> None:
    if dynamic.recompute(segment.pk, now):
        raise SystemExit("error: the delta left something to the rebuild")


def _seconds(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began
