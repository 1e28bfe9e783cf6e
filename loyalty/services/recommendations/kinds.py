"""The candidates of every kind of recommendation, as SQL over a batch of clients.

Each answers (client_id, product_id, score): the lower the score, the better. What is sold out, bought, or taken by
another kind is left out around them (`recommend`), which is why each offers some more than are asked for. Each is
bounded per client, whatever the size of the catalogue.
"""
# ruff: noqa: S608 (fixed texts that are put together; values are parameters)

from loyalty.models import Recommendation as Kind

# Products of so long ago count: as what the client buys, as what they look at, and as new in the shop.
BOUGHT_DAYS = 365
LOOKED_DAYS = 30
NEW_DAYS = 60

# A product on promo: its price is below the one before, as long as that holds.
PROMO = """(p.old_price > p.price AND (p.old_price_until IS NULL OR p.old_price_until > %(now)s))"""
# As the index `product_words` has it.
WORDS = "to_tsvector('russian'::regconfig, coalesce(p.title, '') || ' ' || coalesce(p.brand, ''))"

WHO = "SELECT unnest(%(clients)s::bigint[]) AS client_id"

BOUGHT = """SELECT DISTINCT o.client_id, l.product_id
            FROM loyalty_order o JOIN loyalty_orderline l ON l.order_id = o.id
            WHERE o.client_id = ANY(%(clients)s) AND o.status NOT IN ('cancelled', 'refunded')
              AND o.ordered_at <= %(now)s AND l.product_id IS NOT NULL"""

# The last products that each client looked at, the newest first.
VIEWED = f"""SELECT w.client_id, p.id AS product_id, p.category_id, max(e.occurred_at) AS at
             FROM who w CROSS JOIN LATERAL (
               SELECT e.source_id, e.payload ->> 'product_id' AS told, e.occurred_at FROM loyalty_event e
               WHERE e.client_id = w.client_id AND e.name = 'product.viewed' AND e.occurred_at <= %(now)s
                 AND e.occurred_at > %(now)s - interval '{LOOKED_DAYS} days'
               ORDER BY e.occurred_at DESC LIMIT 20) AS e
             JOIN loyalty_product p ON p.source_id = e.source_id AND p.external_id = e.told
             GROUP BY w.client_id, p.id, p.category_id"""

# Goods that the caller names, per client; else the client's last ones.
TOLD = """SELECT * FROM unnest(%(about_clients)s::bigint[], %(about_products)s::bigint[]) AS t(client_id, product_id)"""
SEED_BOUGHT = f"""SELECT client_id, product_id FROM ({TOLD}) AS told
                  UNION
                  SELECT w.client_id, l.product_id FROM who w CROSS JOIN LATERAL (
                    SELECT o.id FROM loyalty_order o
                    WHERE o.client_id = w.client_id AND o.status NOT IN ('cancelled', 'refunded')
                      AND o.ordered_at <= %(now)s AND o.ordered_at > %(now)s - interval '{BOUGHT_DAYS} days'
                    ORDER BY o.ordered_at DESC LIMIT 5) AS o
                  JOIN loyalty_orderline l ON l.order_id = o.id AND l.product_id IS NOT NULL
                  WHERE w.client_id <> ALL(%(about_clients)s)"""
SEED_VIEWED = f"""SELECT client_id, product_id FROM ({TOLD}) AS told
                  UNION
                  SELECT client_id, product_id FROM ({VIEWED}) AS v WHERE client_id <> ALL(%(about_clients)s)"""

# The three categories that interest a client most: those that the caller names before all, then what is bought
# (three times the weight) and looked at.
INTEREST = f"""SELECT client_id, category_id, place FROM (
                 SELECT client_id, category_id,
                        row_number() OVER (PARTITION BY client_id ORDER BY sum(weight) DESC, category_id) AS place
                 FROM (
                   SELECT t.client_id, t.category_id, 1000000 AS weight
                   FROM unnest(%(in_clients)s::bigint[], %(in_categories)s::bigint[]) AS t(client_id, category_id)
                   UNION ALL
                   SELECT t.client_id, p.category_id, 1000 FROM ({TOLD}) AS t
                   JOIN loyalty_product p ON p.id = t.product_id
                   UNION ALL
                   SELECT o.client_id, p.category_id, 3 * count(*)
                   FROM loyalty_order o JOIN loyalty_orderline l ON l.order_id = o.id
                   JOIN loyalty_product p ON p.id = l.product_id
                   WHERE o.client_id = ANY(%(clients)s) AND o.status NOT IN ('cancelled', 'refunded')
                     AND o.ordered_at <= %(now)s AND o.ordered_at > %(now)s - interval '{BOUGHT_DAYS} days'
                   GROUP BY 1, 2
                   UNION ALL
                   SELECT client_id, category_id, count(*) FROM ({VIEWED}) AS v GROUP BY 1, 2) AS signs
                 WHERE category_id IS NOT NULL GROUP BY client_id, category_id) AS ranked
               WHERE place <= 3"""

_POPULAR = """SELECT w.client_id, t.product_id, t.rank::float8 AS score
              FROM who w CROSS JOIN (
                SELECT f.product_id, f.rank
                FROM loyalty_productpopularity f JOIN loyalty_product p ON p.id = f.product_id
                WHERE p.in_stock ORDER BY f.rank LIMIT %(n)s + 25) AS t"""

_BESTSELLERS = """SELECT i.client_id, f.product_id, f.category_rank + 3.0 * (i.place - 1) AS score
                  FROM interest i JOIN loyalty_productpopularity f
                    ON f.category_id = i.category_id AND f.category_rank <= %(n)s + 15"""

_TOGETHER = """SELECT s.client_id, pair.other_id AS product_id, -pair.lift AS score
               FROM seed s JOIN loyalty_productpair pair ON pair.product_id = s.product_id
               WHERE NOT EXISTS (
                 SELECT 1 FROM seed x WHERE x.client_id = s.client_id AND x.product_id = pair.other_id)"""

# Goods of another category that go with it, then bestsellers of the categories that staff call accessories.
_ACCESSORIES = """SELECT s.client_id, pair.other_id AS product_id, -pair.lift AS score
                  FROM seed s JOIN loyalty_productpair pair ON pair.product_id = s.product_id
                  JOIN loyalty_product a ON a.id = s.product_id JOIN loyalty_product b ON b.id = pair.other_id
                  WHERE a.category_id IS DISTINCT FROM b.category_id
                    AND NOT EXISTS (
                      SELECT 1 FROM seed x WHERE x.client_id = s.client_id AND x.product_id = pair.other_id)
                  UNION ALL
                  SELECT c.client_id, f.product_id, f.category_rank::float8
                  FROM (SELECT DISTINCT s.client_id, r.to_category_id AS category_id
                        FROM seed s JOIN loyalty_product p ON p.id = s.product_id
                        JOIN loyalty_category_accessories r ON r.from_category_id = p.category_id) AS c
                  JOIN loyalty_productpopularity f
                    ON f.category_id = c.category_id AND f.category_rank <= %(n)s + 10"""


def _theirs_then_all(chosen: str) -> str:
    """Of chosen goods (id, category_id, score), those of the client's categories, and then the first of all."""
    return f"""SELECT i.client_id, t.id AS product_id, t.score + i.place AS score
               FROM ({chosen} LIMIT 1000) AS t JOIN interest i ON i.category_id = t.category_id
               UNION ALL
               SELECT w.client_id, t.id, 1000000 + t.score
               FROM who w CROSS JOIN ({chosen} LIMIT %(n)s + 30) AS t"""


_NEW = _theirs_then_all(
    f"""SELECT p.id, p.category_id, extract(epoch FROM %(now)s - p.published_at) / 86400 AS score FROM loyalty_product p
        WHERE p.published_at <= %(now)s AND p.published_at > %(now)s - interval '{NEW_DAYS} days' AND p.in_stock
        ORDER BY p.published_at DESC, p.id"""
)
_PROMO = _theirs_then_all(
    f"""SELECT p.id, p.category_id, 100.0 * p.price / p.old_price AS score FROM loyalty_product p
        WHERE {PROMO} AND p.in_stock ORDER BY 100.0 * p.price / p.old_price, p.id"""
)

# What each may spend at most is counted by the programme's rules (`recommend`); the thousand most popular goods.
_AFFORDABLE = """SELECT m.client_id, t.id AS product_id, t.rank + CASE WHEN i.client_id IS NULL THEN 1000000 ELSE 0 END
                   AS score
                 FROM unnest(%(rich)s::bigint[], %(purses)s::bigint[]) AS m(client_id, money)
                 JOIN (SELECT p.id, p.category_id, p.price, coalesce(f.rank, 1000000) AS rank
                       FROM loyalty_product p LEFT JOIN loyalty_productpopularity f ON f.product_id = p.id
                       WHERE p.in_stock AND p.currency = %(currency)s AND p.price > 0 AND p.price >= %(least)s
                         AND p.id <> ALL(%(not_products)s) AND lower(p.brand) <> ALL(%(not_brands)s)
                         AND coalesce(p.category_id, 0) <> ALL(%(not_categories)s)
                       ORDER BY f.rank NULLS LAST, p.id LIMIT 1000) AS t ON t.price <= m.money
                 LEFT JOIN interest i ON i.client_id = m.client_id AND i.category_id = t.category_id"""

_VIEWED = """SELECT client_id, product_id, extract(epoch FROM %(now)s - at) AS score FROM viewed"""

# Of the same category, near in price, well sold.
_SIMILAR = """SELECT s.client_id, f.product_id,
                     10 * abs(ln(greatest(p.price, 1)::float8 / greatest(a.price, 1))) + f.category_rank / 10.0 AS score
              FROM seed s JOIN loyalty_product a ON a.id = s.product_id
              JOIN loyalty_productpopularity f ON f.category_id = a.category_id AND f.category_rank <= %(n)s + 15
              JOIN loyalty_product p ON p.id = f.product_id
              WHERE NOT EXISTS (SELECT 1 FROM seed x WHERE x.client_id = s.client_id AND x.product_id = f.product_id)"""

# Every word counts, all of them count most. What the caller asks for, else the client's last search.
_SEARCH = f"""SELECT q.client_id, found.id AS product_id, found.score
              FROM (SELECT * FROM unnest(%(asking)s::bigint[], %(queries)s::text[]) AS a(client_id, query)
                    UNION ALL
                    SELECT w.client_id, e.query FROM who w CROSS JOIN LATERAL (
                      SELECT e.payload ->> 'query' AS query FROM loyalty_event e
                      WHERE e.client_id = w.client_id AND e.name = 'search.performed' AND e.occurred_at <= %(now)s
                        AND e.occurred_at > %(now)s - interval '{LOOKED_DAYS} days'
                      ORDER BY e.occurred_at DESC LIMIT 1) AS e
                    WHERE w.client_id <> ALL(%(asking)s)) AS q
              CROSS JOIN LATERAL (
                SELECT plainto_tsquery('russian', q.query) AS all_words,
                       replace(plainto_tsquery('russian', q.query)::text, '&', '|')::tsquery AS some_word) AS t
              CROSS JOIN LATERAL (
                SELECT p.id,
                       CASE WHEN {WORDS} @@ t.all_words THEN 0 ELSE 10 END - ts_rank({WORDS}, t.some_word) AS score
                FROM loyalty_product p WHERE {WORDS} @@ t.some_word AND p.in_stock
                ORDER BY 2, p.id LIMIT %(n)s + 20) AS found"""

# Kind → its candidates and the relations they read, which are put before them by name.
CANDIDATES: dict[Kind, tuple[str, dict[str, str]]] = {
    Kind.POPULAR: (_POPULAR, {}),
    Kind.BESTSELLERS: (_BESTSELLERS, {"interest": INTEREST}),
    Kind.TOGETHER: (_TOGETHER, {"seed": SEED_BOUGHT}),
    Kind.ACCESSORIES: (_ACCESSORIES, {"seed": SEED_BOUGHT}),
    Kind.NEW: (_NEW, {"interest": INTEREST}),
    Kind.PROMO: (_PROMO, {"interest": INTEREST}),
    Kind.AFFORDABLE: (_AFFORDABLE, {"interest": INTEREST}),
    Kind.VIEWED: (_VIEWED, {"viewed": VIEWED}),
    Kind.SIMILAR: (_SIMILAR, {"seed": SEED_VIEWED}),
    Kind.SEARCH: (_SEARCH, {}),
}
