"""Counting what is bought together and what is popular: every night, from the orders, set-based.

The work tables are temporary; what is shown is replaced at the end in one transaction, so readers wait for nobody and
never see half of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import connection, transaction

from loyalty.models import ProductCount

# Orders of so long count for what goes together, and for what is popular.
TOGETHER = timedelta(days=365)
POPULAR = timedelta(days=90)
# Two products have to be in so many orders together before anybody speaks of a habit.
SUPPORT = 5
# A wholesale order of hundreds of goods says nothing of which belong together, and its pairs are the square of them.
MOST_PRODUCTS = 50
# The best few of each product are kept.
TOP = 20
LOCK = 0x70726F64  # one count at a time
# Megabytes for one sort or hash: what ten million lines need goes to disk a few times at most.
WORK_MEM = 256


@dataclass(frozen=True, slots=True)
class Counted:
    """What a count found."""

    orders: int
    pairs: int
    products: int
    seconds: float


def count(now: datetime, support: int = SUPPORT, top: int = TOP) -> Counted | None:
    """Counts again from the orders before `now` (UTC). None where somebody else is counting."""
    began = monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        # Of this transaction alone.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEM}MB'")
        values: dict[str, Any] = {
            "now": now, "together": now - TOGETHER, "popular": now - POPULAR, "support": support, "top": top,
            "most": MOST_PRODUCTS,
        }  # fmt: skip
        for statement in (*_WORK, *_SHOW):
            cursor.execute(statement, values)
        cursor.execute(
            """SELECT (SELECT count(*) FROM basket), (SELECT count(*) FROM loyalty_productpair),
                      (SELECT count(*) FROM loyalty_productpopularity)"""
        )
        orders, pairs, products = cursor.fetchone()
        counted = Counted(orders, pairs, products, monotonic() - began)
        ProductCount.objects.all().delete()
        ProductCount.objects.create(
            counted_at=now, orders=orders, pairs=pairs, products=products, seconds=counted.seconds
        )
        cursor.execute("DROP TABLE basket, held, pair, popular")
    return counted


_WORK = (
    # What was in which order, each product once: in the order of the lines' index, so that nothing is sorted whole.
    """CREATE TEMP TABLE basket ON COMMIT DROP AS
       SELECT array_agg(DISTINCT l.product_id) AS goods
       FROM loyalty_order o JOIN loyalty_orderline l ON l.order_id = o.id
       WHERE o.status IN ('paid', 'part_refunded') AND o.ordered_at >= %(together)s AND o.ordered_at < %(now)s
         AND l.product_id IS NOT NULL
       GROUP BY l.order_id""",
    """CREATE TEMP TABLE held ON COMMIT DROP AS
       SELECT product_id, count(*) AS orders FROM basket, unnest(goods) AS product_id GROUP BY product_id""",
    "ANALYZE held",
    # Goods are in order within a basket, so that a pair has one form.
    """CREATE TEMP TABLE pair ON COMMIT DROP AS
       WITH pair AS (
         SELECT a, b, count(*) AS together
         FROM basket CROSS JOIN unnest(goods) AS a CROSS JOIN unnest(goods) AS b
         WHERE cardinality(goods) BETWEEN 2 AND %(most)s AND a < b
         GROUP BY a, b HAVING count(*) >= %(support)s),
       lifted AS (
         SELECT pair.a, pair.b, pair.together,
                pair.together::float8 * (SELECT count(*) FROM basket) / (ha.orders::float8 * hb.orders) AS lift
         FROM pair JOIN held ha ON ha.product_id = pair.a JOIN held hb ON hb.product_id = pair.b)
       SELECT product_id, other_id, together, lift, rank FROM (
         SELECT *, row_number() OVER (PARTITION BY product_id ORDER BY lift DESC, together DESC, other_id) AS rank
         FROM (SELECT a AS product_id, b AS other_id, together, lift FROM lifted WHERE lift > 1
               UNION ALL SELECT b, a, together, lift FROM lifted WHERE lift > 1) AS both_ways) AS ranked
       WHERE rank <= %(top)s""",
    # A guest's order is somebody's too: one buyer each.
    """CREATE TEMP TABLE popular ON COMMIT DROP AS
       SELECT product_id, category_id, buyers, row_number() OVER (ORDER BY buyers DESC, product_id) AS rank,
              row_number() OVER (PARTITION BY category_id ORDER BY buyers DESC, product_id) AS category_rank
       FROM (SELECT product_id, count(*) AS buyers FROM (
               SELECT DISTINCT l.product_id, coalesce(o.client_id, -o.id)
               FROM loyalty_order o JOIN loyalty_orderline l ON l.order_id = o.id
               WHERE o.status IN ('paid', 'part_refunded') AND o.ordered_at >= %(popular)s AND o.ordered_at < %(now)s
                 AND l.product_id IS NOT NULL) AS bought
             GROUP BY product_id) AS counted
       JOIN loyalty_product p ON p.id = counted.product_id""",
)
_SHOW = (
    "DELETE FROM loyalty_productpair",
    """INSERT INTO loyalty_productpair (product_id, other_id, together, lift, rank)
       SELECT product_id, other_id, together, lift, rank FROM pair ORDER BY product_id, rank""",
    "DELETE FROM loyalty_productpopularity",
    """INSERT INTO loyalty_productpopularity (product_id, category_id, buyers, rank, category_rank)
       SELECT product_id, category_id, buyers, rank, category_rank FROM popular ORDER BY rank""",
)
