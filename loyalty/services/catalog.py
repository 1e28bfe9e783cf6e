"""Products and categories, learnt from what shops send."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from django.db import connection

from loyalty.intake.facts import Fact, ProductFact
from loyalty.models import Source
from loyalty.services.rows import as_json


def _told(facts: Iterable[Fact]) -> Iterable[ProductFact]:
    for fact in facts:
        yield from fact.products
        if fact.cart:
            yield from (line.product for line in fact.cart.lines or ())
            if fact.cart.change:
                yield fact.cart.change.product
        if fact.order:
            yield from (line.product for line in fact.order.lines or ())


_FIELDS = [f.name for f in fields(ProductFact)]


def _merge(old: ProductFact | None, new: ProductFact) -> ProductFact:
    if old is None or old == new:
        return new
    said = {name: getattr(new, name) for name in _FIELDS if getattr(new, name) not in ("", None)}
    return ProductFact(**{name: said.get(name, getattr(old, name)) for name in _FIELDS})


@dataclass(slots=True)
class _Known:
    """A product as it is stored."""

    id: int
    told: ProductFact

    def says(self, news: ProductFact) -> bool:
        """Whether the news say nothing else than what is stored."""
        mine, category = self.told, news.category_id or news.category
        return (
            (not category or (category == mine.category_id and news.category in ("", mine.category)))
            and news.price in (None, mine.price)
            and news.in_stock in (None, mine.in_stock)
            and all(
                said in ("", stored)
                for said, stored in (
                    (news.sku, mine.sku),
                    (news.title, mine.title),
                    (news.brand, mine.brand),
                    (news.currency, mine.currency),
                    (news.url, mine.url),
                    (news.image_url, mine.image_url),
                )
            )
        )


def upsert(source: Source, facts: Iterable[Fact], now: datetime) -> dict[str, int]:
    """Stores every product that the facts mention; returns their ids by the source's own id.

    What a fact leaves out is not erased. A product that the facts say nothing new of is read only: writing it,
    even unchanged, would hold up every other delivery that mentions it.
    """
    told: dict[str, ProductFact] = {}
    for product in _told(facts):
        if product.external_id:
            told[product.external_id] = _merge(told.get(product.external_id), product)
    if not told:
        return {}
    known = _find(source, told)
    news = [product for name, product in sorted(told.items()) if name not in known or not known[name].says(product)]
    ids = {name: product.id for name, product in known.items()}
    if news:
        _write(source, news, now)
        ids |= {name: product.id for name, product in _find(source, told.keys() - ids.keys()).items()}
    return ids


def _find(source: Source, names: Iterable[str]) -> dict[str, _Known]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.external_id, p.sku, p.title, p.brand, coalesce(c.name, ''), coalesce(c.external_id, ''),
                      p.price, p.currency, p.url, p.image_url, p.in_stock
               FROM loyalty_product p LEFT JOIN loyalty_category c ON c.id = p.category_id
               WHERE p.source_id = %s AND p.external_id = ANY(%s)""",
            [source.pk, list(names)],
        )
        return {row[1]: _Known(row[0], ProductFact(*row[1:])) for row in cursor.fetchall()}


def _write(source: Source, products: list[ProductFact], now: datetime) -> None:
    rows = as_json(_columns(product) for product in products)
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH told AS (SELECT DISTINCT ON (category_id) category_id, category
                             FROM json_to_recordset(%s) AS t(category_id text, category text)
                             WHERE category_id <> '' ORDER BY category_id)
               INSERT INTO loyalty_category AS c (source_id, external_id, name)
               SELECT %s, category_id, category FROM told ON CONFLICT (source_id, external_id)
               DO UPDATE SET name = EXCLUDED.name
               WHERE c.name <> EXCLUDED.name AND EXCLUDED.name <> EXCLUDED.external_id""",
            [rows, source.pk],
        )
        cursor.execute(
            """INSERT INTO loyalty_product AS p (source_id, external_id, sku, title, brand, category_id, price,
                                                 currency, url, image_url, in_stock, updated_at)
               SELECT %(source)s, t.external_id, t.sku, t.title, t.brand, c.id, t.price, t.currency, t.url,
                      t.image_url, coalesce(t.in_stock, known.in_stock, true), %(now)s
               FROM json_to_recordset(%(rows)s)
                 AS t(external_id text, sku text, title text, brand text, category_id text, price bigint, currency text,
                      url text, image_url text, in_stock bool)
               LEFT JOIN loyalty_category c ON c.source_id = %(source)s AND c.external_id = t.category_id
                    AND t.category_id <> ''
               LEFT JOIN loyalty_product known ON known.source_id = %(source)s AND known.external_id = t.external_id
               ORDER BY t.external_id
               ON CONFLICT (source_id, external_id) DO UPDATE SET
                 sku = coalesce(nullif(EXCLUDED.sku, ''), p.sku),
                 title = coalesce(nullif(EXCLUDED.title, ''), p.title),
                 brand = coalesce(nullif(EXCLUDED.brand, ''), p.brand),
                 category_id = coalesce(EXCLUDED.category_id, p.category_id),
                 price = coalesce(EXCLUDED.price, p.price),
                 currency = coalesce(nullif(EXCLUDED.currency, ''), p.currency),
                 url = coalesce(nullif(EXCLUDED.url, ''), p.url),
                 image_url = coalesce(nullif(EXCLUDED.image_url, ''), p.image_url),
                 in_stock = EXCLUDED.in_stock, updated_at = EXCLUDED.updated_at""",
            {"source": source.pk, "now": now, "rows": rows},
        )


def _columns(product: ProductFact) -> dict[str, Any]:
    """The product's columns; a category is known by its id, or by its name where it has none."""
    category, category_id = product.category, product.category_id
    return asdict(product) | {"category_id": category_id or category, "category": category or category_id}
