"""`rfm`: N clients with 10 N orders are scored, cut into fifths and written; beside a floor in hand-written SQL.

The floor writes the same rows, value by value, in the cheapest way we know: one pass over the orders, the cuts, one
INSERT. It keeps no snapshot, counts no cells, looks for no other currency and for nobody who moved.
"""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
from django.db import connection
from django.utils import timezone

from benchmarks import base, harness
from benchmarks.harness import Result
from segments.models import RfmSettings, RfmSnapshot
from segments.services import rfm

ROUNDS = 3
ZONE = ZoneInfo("UTC")
CHECK = "SELECT count(*), sum(hashtext(s.*::text)::bigint) FROM segments_rfmscore s"


def run(size: int) -> Result:
    """Scores a base of `size` clients a round, from nothing, on either side; `again_seconds`: the night after."""
    now = timezone.now()
    base.make(size, now)
    harness.settle()
    written: set[tuple[int, int]] = set()
    with harness.floor_connection() as database:
        products, floors = harness.rounds(
            ROUNDS, lambda n: _product(now, written), lambda n: _floor(database, now, written)
        )
    if len(written) != 1:
        raise SystemExit(f"error: product and floor wrote different rows: {written}")
    _product(now, written)
    harness.settle()
    began = time.perf_counter()
    rfm.keep(now + timedelta(days=1), RfmSettings(), now + timedelta(days=1), ZONE)
    again = time.perf_counter() - began
    peak = harness.peak_rss_mb()
    return harness.compare(
        "rfm", size, products, floors, size, peak, orders=size * base.ORDERS_EACH, again_seconds=again
    )


def _product(now: datetime, written: set[tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE segments_rfmscore")
        RfmSnapshot.objects.all().delete()
        rfm.keep(now, RfmSettings(), now, ZONE)
        cursor.execute(CHECK)
        written.add(cursor.fetchone())


def _floor(database: psycopg.Connection, now: datetime, written: set[tuple[int, int]]) -> None:
    cut = "percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY "
    with database.transaction():
        database.execute("TRUNCATE segments_rfmscore")
        database.execute("SET LOCAL work_mem = '256MB'")
        database.execute(
            """CREATE TEMPORARY TABLE buyer ON COMMIT DROP AS
               SELECT client_id, max(ordered_at) AS last_at, count(*) AS n, sum(total - refunded)::bigint AS spent,
                      floor(extract(epoch FROM %s - max(ordered_at)) / 86400)::int AS days
               FROM loyalty_order WHERE client_id IS NOT NULL AND status IN ('paid', 'part_refunded')
                 AND ordered_at < %s AND total > refunded AND currency = 'RUB' GROUP BY client_id""",
            [now, now],
        )
        r, f, m = database.execute(f"SELECT {cut}days), {cut}n), {cut}spent) FROM buyer").fetchone()
        database.execute(
            """INSERT INTO segments_rfmscore (client_id, r, f, m, last_at, frequency, monetary, since)
               SELECT client_id, 5 - (days > %s)::int - (days > %s)::int - (days > %s)::int - (days > %s)::int,
                      1 + (n > %s)::int + (n > %s)::int + (n > %s)::int + (n > %s)::int,
                      1 + (spent > %s)::int + (spent > %s)::int + (spent > %s)::int + (spent > %s)::int,
                      last_at, n, spent, %s
               FROM buyer ORDER BY client_id""",
            [*r, *f, *m, now],
        )
    written.add(database.execute(CHECK).fetchone())
    database.rollback()
