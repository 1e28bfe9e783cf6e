"""Which goods to recommend to whom: one question for thousands of clients at once (mechanics, RECO)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

from django.db import connection, transaction

from loyalty.intake import read
from loyalty.models import Recommendation as Kind
from loyalty.services import ledger, programme
from loyalty.services.recommendations.kinds import BOUGHT, CANDIDATES, WHO
from loyalty.services.redemption import PRECISION, Spending

# What is asked instead, in this order, where a kind has less than was asked for. Kinds that promise something — a
# promo price, a price that bonuses pay, an accessory — have no stand-in: fewer goods are better than a lie.
FALLBACK: dict[Kind, tuple[Kind, ...]] = {
    Kind.PERSONAL: (Kind.TOGETHER, Kind.BESTSELLERS, Kind.POPULAR),
    Kind.TOGETHER: (Kind.BESTSELLERS, Kind.POPULAR),
    Kind.BESTSELLERS: (Kind.POPULAR,),
    Kind.VIEWED: (Kind.SIMILAR, Kind.BESTSELLERS, Kind.POPULAR),
    Kind.SIMILAR: (Kind.BESTSELLERS, Kind.POPULAR),
    Kind.SEARCH: (Kind.SIMILAR, Kind.BESTSELLERS, Kind.POPULAR),
}
# Kinds that show goods again that the client has bought already: a habit, a bargain, an answer to a question.
BOUGHT_TOO = frozenset({Kind.POPULAR, Kind.PROMO, Kind.AFFORDABLE, Kind.SEARCH})
MOST = 50  # goods for one client


@dataclass(frozen=True, slots=True)
class About:
    """What the recommendation starts from, where it is not what the client did last: our ids of products and of
    categories, or the text of a search."""

    products: tuple[int, ...] = ()
    categories: tuple[int, ...] = ()
    query: str = ""


@dataclass(frozen=True, slots=True)
class Pick:
    """A recommended product, and the kind that found it: another than was asked for where that had too few."""

    product: int
    kind: Kind


def recommend(
    client_ids: Iterable[int], kind: Kind, n: int, now: datetime, about: Mapping[int, About] | None = None
) -> dict[int, list[Pick]]:
    """At most `n` goods (1 to 50) for each client, the best first; clients for whom there is nothing are absent.

    `about` tells per client what to start from. One statement for the kind and one for each fallback that is needed,
    however many clients; a few thousand at a time. Goods are in stock and have a title; what the client has bought is
    left out but for the kinds of `BOUGHT_TOO`. `now` is UTC.
    """
    wanted = sorted(set(client_ids))
    n = max(1, min(n, MOST))
    picks: dict[int, list[Pick]] = {}
    values = _values(about or {}, now, n)
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            # Compiling these statements takes the database longer than running them.
            cursor.execute("SET LOCAL jit = off")
        for each in (kind, *FALLBACK.get(kind, ())):
            short = [client for client in wanted if len(picks.get(client, ())) < n]
            if not short:
                break
            if each in CANDIDATES:
                _ask(each, short, picks, values, kind in BOUGHT_TOO)
    return picks


# What another kind has found for the client already.
_TAKEN = "SELECT * FROM unnest(%(taken_clients)s::bigint[], %(taken_products)s::bigint[]) AS t(client_id, product_id)"
# A join rather than NOT IN: what thousands of clients have bought does not fit into the memory of a subquery.
_NOT_IN = "NOT EXISTS (SELECT 1 FROM {} x WHERE x.client_id = c.client_id AND x.product_id = c.product_id)"


def _ask(
    kind: Kind, clients: list[int], picks: dict[int, list[Pick]], values: dict[str, Any], bought_too: bool
) -> None:
    candidates, relations = CANDIDATES[kind]
    n = values["n"]
    taken = [(client, pick.product) for client in clients for pick in picks.get(client, ())]
    more = _purses(clients, values["now"]) if kind == Kind.AFFORDABLE else {}
    if more is None:
        return
    relations = {"who": WHO, "taken": _TAKEN} | relations | ({} if bought_too else {"bought": BOUGHT})
    named = ", ".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in relations.items())
    new = "" if bought_too else f"AND {_NOT_IN.format('bought')}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH {named}
                SELECT client_id, product_id FROM (
                  SELECT c.client_id, c.product_id,
                         row_number() OVER (PARTITION BY c.client_id ORDER BY min(c.score), c.product_id) AS place
                  FROM ({candidates}) AS c JOIN loyalty_product p ON p.id = c.product_id
                  WHERE p.in_stock AND p.title <> '' AND {_NOT_IN.format("taken")} {new}
                  GROUP BY c.client_id, c.product_id) AS ranked
                WHERE place <= %(n)s ORDER BY client_id, place""",  # noqa: S608 (fixed texts)
            values
            | more
            | {
                "clients": clients,
                "taken_clients": [client for client, _product in taken],
                "taken_products": [product for _client, product in taken],
            },
        )
        for client, product in cursor.fetchall():
            mine = picks.setdefault(client, [])
            if len(mine) < n:
                mine.append(Pick(product, kind))


def _values(about: Mapping[int, About], now: datetime, n: int) -> dict[str, Any]:
    products = [(client, product) for client, given in about.items() for product in given.products]
    categories = [(client, category) for client, given in about.items() for category in given.categories]
    queries = [(client, given.query) for client, given in about.items() if given.query]
    return {
        "now": now,
        "n": n,
        "about_clients": [client for client, _ in products],
        "about_products": [product for _, product in products],
        "in_clients": [client for client, _ in categories],
        "in_categories": [category for _, category in categories],
        "asking": [client for client, _ in queries],
        "queries": [query.replace("\0", " ")[:500] for _, query in queries],
    }


def _purses(clients: Sequence[int], now: datetime) -> dict[str, Any] | None:
    """What goods may cost for bonuses to pay as much of them as the programme lets: all, or its largest share.

    None where nobody has anything to spend.
    """
    settings = programme.current()
    spending = programme.spending(settings)
    balances = ledger.balances(clients, now)
    purses = {client: dearest(balance.available, spending) for client, balance in balances.items()}
    rich = {client: money for client, money in purses.items() if money > 0}
    if not rich:
        return None
    return {
        "rich": list(rich),
        "purses": list(rich.values()),
        "currency": settings.currency,
        "least": spending.min_order,
        "not_products": list(spending.unpayable.products),
        "not_categories": list(spending.unpayable.categories),
        "not_brands": list(spending.unpayable.brands),
    }


def dearest(available: int, spending: Spending) -> int:
    """The highest price, in minor units of the currency, of which so many bonuses pay the largest share allowed."""
    block = spending.block * 10**spending.scale
    usable = max(available, 0)
    money = spending.money(usable - usable % block if block else usable)
    if spending.max_share <= 0:
        return 0
    with localcontext(prec=PRECISION):
        price = (Decimal(money) * 100 / spending.max_share).to_integral_value(ROUND_FLOOR)
    return min(int(price), read.MAX_AMOUNT)
