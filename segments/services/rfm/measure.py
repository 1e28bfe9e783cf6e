"""Measuring buyers and cutting them into fifths: docs/rfm.md says the rules, this file follows them (semantics §46).

All work is done by PostgreSQL over a temporary table of the transaction, `rfm_measured`, one row a buyer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from segments.models import RfmRules, Ties, ZeroSpend
from segments.rfm import SCORES

_EVER = datetime(1, 1, 1, tzinfo=UTC)
_FIFTHS = len(SCORES)
# Grouping a million clients by hash takes this much; with less it would sort them on disk.
_MEMORY = "256MB"

# A purchase, of a table `o` of orders.
_PURCHASE = """o.client_id IS NOT NULL AND o.status IN ('paid', 'part_refunded') AND o.currency <> ''
               AND o.ordered_at >= %(since)s AND o.ordered_at < %(asof)s AND (%(zero)s OR o.total > o.refunded)"""

# By id in the shop where there is one, shorter ones first: so that numbers stand in the order of numbers.
_BY_SHOP_ID = """LEFT JOIN (SELECT DISTINCT ON (client_id) client_id, length(value) AS digits, value COLLATE "C" AS name
                            FROM loyalty_identity WHERE kind = 'external'
                            ORDER BY client_id, length(value), value COLLATE "C") AS i USING (client_id)"""


class CellCount(NamedTuple):
    """What is in a cell of the map; revenue in minor units."""

    r: int
    f: int
    clients: int
    revenue: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What a computation found. `cuts` and `ranges` as in `RfmSnapshot`; No `window_from`: the whole history."""

    asof: datetime
    window_from: datetime | None
    window_days: int | None
    ties: str
    zero_spend: str
    zone: str
    currency: str
    buyers: int
    purchases: int
    foreign: int
    revenue: int
    cuts: dict[str, list[float]]
    ranges: dict[str, list[list[int] | None]]
    cells: list[CellCount]


def look(asof: datetime, rules: RfmRules, zone: ZoneInfo, currency: str) -> Picture:
    """What a snapshot as of a moment would be; nothing is stored."""
    with transaction.atomic():
        picture = measure(asof, rules, zone, currency)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE rfm_measured")
    return picture


def measure(asof: datetime, rules: RfmRules, zone: ZoneInfo, currency: str) -> Picture:
    """Measures the buyers as of a moment (UTC, exclusive) and leaves them in `rfm_measured` until the commit.

    Sums are of `currency`, or of the one most used where no purchase is in that. Call inside a transaction; the table
    must not be there yet.
    """
    window_from = None if rules.window_days is None else asof - timedelta(days=rules.window_days)
    values: dict[str, Any] = {
        "asof": asof,
        "since": window_from or _EVER,
        "zero": rules.zero_spend == ZeroSpend.COUNT,
        "zone": zone.key,
    }
    values["currency"] = _currency(values, currency)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL work_mem = '{_MEMORY}'")
        cursor.execute(_measuring(rules), values)
        cursor.execute(
            "SELECT count(*), coalesce(sum(frequency), 0), coalesce(sum(frequency - own), 0) FROM rfm_measured"
        )
        buyers, purchases, foreign = (int(number) for number in cursor.fetchone())
        cuts = _cuts(cursor, buyers)
        scores = scoring(cuts)
        ranges, cells = _count(cursor, scores)
    return Picture(
        asof=asof,
        window_from=window_from,
        window_days=rules.window_days,
        ties=rules.ties,
        zero_spend=rules.zero_spend,
        zone=zone.key,
        currency=values["currency"],
        buyers=buyers,
        purchases=purchases,
        foreign=foreign,
        revenue=sum(cell.revenue for cell in cells),
        cuts=cuts,
        ranges=ranges,
        cells=cells,
    )


def scoring(cuts: dict[str, list[float]]) -> str:
    """SQL of the buyers with their scores: client_id, last_at, frequency, monetary, history, r, f, m.

    A score is 1 and one more for every cut that the value exceeds; in recency, where less is better, from 5 downwards.
    """

    def above(column: str, name: str) -> str:
        # Values are whole numbers, so the whole part of a cut divides them as the cut does.
        return " + ".join(f"({column} > {int(cut)})::int" for cut in cuts[name]) or "0"

    return f"""SELECT client_id, last_at, days, frequency, monetary, history, {_FIFTHS} - ({above("days", "r")}) AS r,
                      1 + {above("place", "f")} AS f, 1 + {above("monetary", "m")} AS m
               FROM rfm_measured"""  # noqa: S608 (of our own parts)


def _currency(values: dict[str, Any], wanted: str) -> str:
    """The currency of the sums: adding roubles to dollars would make nonsense."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM loyalty_order o WHERE o.currency = %(wanted)s AND {_PURCHASE} LIMIT 1",  # noqa: S608 (of our own parts)
            values | {"wanted": wanted},
        )
        if cursor.fetchone():
            return wanted
        cursor.execute(
            f"""SELECT o.currency FROM loyalty_order o WHERE {_PURCHASE}
                GROUP BY o.currency ORDER BY count(*) DESC, o.currency LIMIT 1""",  # noqa: S608 (of our own parts)
            values,
        )
        row = cursor.fetchone()
        return row[0] if row else wanted


def _measuring(rules: RfmRules) -> str:
    """The statement that makes `rfm_measured`.

    `days` are whole days by the clocks of the zone; `place` is what F is cut by; `own` are the purchases in the
    snapshot's currency; `history`: all of them were paid before the platform listened.
    """
    first = rules.ties == Ties.FIRST
    place = "row_number() OVER (ORDER BY frequency, digits NULLS LAST, name, client_id)" if first else "frequency"
    return f"""CREATE TEMPORARY TABLE rfm_measured ON COMMIT DROP AS
               SELECT client_id, last_at, frequency, monetary, history, own, {place} AS place,
                      extract(day FROM (%(asof)s::timestamptz AT TIME ZONE %(zone)s)
                                       - (last_at AT TIME ZONE %(zone)s))::int AS days
               FROM (SELECT o.client_id, max(o.ordered_at) AS last_at, count(*) AS frequency,
                            bool_and(o.history) AS history, count(*) FILTER (WHERE o.currency = %(currency)s) AS own,
                            coalesce(sum(o.total - o.refunded) FILTER (WHERE o.currency = %(currency)s), 0)::bigint
                              AS monetary
                     FROM loyalty_order o WHERE {_PURCHASE} GROUP BY o.client_id) AS buyer
               {_BY_SHOP_ID if first else ""}"""  # noqa: S608 (of our own parts)


def _cuts(cursor: Any, buyers: int) -> dict[str, list[float]]:
    """The cut values after every fifth of the buyers: linear between neighbours, as NumPy and pandas do.

    Counted in whole numbers: the k-th lies k · (n − 1) / 5 places from the smallest value.
    """
    if not buyers:
        return {"r": [], "f": [], "m": []}
    places = [divmod(k * (buyers - 1), _FIFTHS) for k in range(1, _FIFTHS)]
    wanted = [place for whole, rest in places for place in (whole, whole + (rest > 0))]
    # The middle of a place's share of the whole, so that no rounding leads to its neighbour.
    shares = [(place + 0.5) / buyers for place in wanted]
    cursor.execute(
        """SELECT percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY days),
                  percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY place),
                  percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY monetary)
           FROM rfm_measured""",
        {"shares": shares},
    )
    found = dict(zip("rfm", cursor.fetchone(), strict=True))
    return {
        name: [
            float(Decimal(low * (_FIFTHS - rest) + high * rest) / _FIFTHS)
            for (_, rest), low, high in zip(places, at[::2], at[1::2], strict=True)
        ]
        for name, at in found.items()
    }


def _count(cursor: Any, scores: str) -> tuple[dict[str, list[list[int] | None]], list[CellCount]]:
    """The values that each score stands for, from 1 to 5, and the clients of each cell."""
    cursor.execute(
        f"""SELECT r, f, m, count(*), sum(monetary)::bigint, min(days), max(days), min(frequency), max(frequency),
                   min(monetary), max(monetary)
            FROM ({scores}) AS scored GROUP BY GROUPING SETS ((r, f), (r), (f), (m))"""  # noqa: S608 (of our own parts)
    )
    ranges: dict[str, list[list[int] | None]] = {name: [None] * _FIFTHS for name in "rfm"}
    cells = []
    for r, f, m, clients, revenue, *bounds in cursor.fetchall():
        if r and f:
            cells.append(CellCount(r, f, clients, revenue))
        elif r:
            ranges["r"][r - 1] = bounds[0:2]
        elif f:
            ranges["f"][f - 1] = bounds[2:4]
        else:
            ranges["m"][m - 1] = bounds[4:6]
    return ranges, sorted(cells)
