"""Products and categories, learnt from what shops send."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from django.db import connection

from loyalty.intake.facts import Fact, ProductFact
from loyalty.models import Source


def _told(facts: Iterable[Fact]) -> Iterable[ProductFact]:
    for fact in facts:
        yield from fact.products
        if fact.cart:
            yield from (line.product for line in fact.cart.lines or ())
            if fact.cart.change:
                yield fact.cart.change.product
        if fact.order:
            yield from (line.product for line in fact.order.lines or ())


def _merge(old: ProductFact | None, new: ProductFact) -> ProductFact:
    if old is None:
        return new
    said = {f.name: getattr(new, f.name) for f in fields(new) if getattr(new, f.name) not in ("", None)}
    return ProductFact(**{f.name: said.get(f.name, getattr(old, f.name)) for f in fields(old)})


def upsert(source: Source, facts: Iterable[Fact], now: datetime) -> dict[str, int]:
    """Stores every product that the facts mention; returns their ids by the source's own id.

    What a fact leaves out is not erased, and an unchanged row is not rewritten.
    """
    told: dict[str, ProductFact] = {}
    for product in _told(facts):
        if product.external_id:
            told[product.external_id] = _merge(told.get(product.external_id), product)
    if not told:
        return {}
    rows = [told[external_id] for external_id in sorted(told)]
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH told AS (SELECT DISTINCT ON (1) * FROM unnest(%s::text[], %s::text[]) AS t(external_id, name)
                             WHERE external_id <> '' ORDER BY 1)
               INSERT INTO loyalty_category AS c (source_id, external_id, name)
               SELECT %s, external_id, name FROM told ON CONFLICT (source_id, external_id)
               DO UPDATE SET name = EXCLUDED.name WHERE c.name <> EXCLUDED.name AND EXCLUDED.name <> ''""",
            [[r.category_id or r.category for r in rows], [r.category or r.category_id for r in rows], source.pk],
        )
        cursor.execute(
            """INSERT INTO loyalty_product AS p (source_id, external_id, sku, title, brand, category_id, price,
                                                 currency, url, image_url, in_stock, updated_at)
               SELECT %s, t.external_id, t.sku, t.title, t.brand, c.id, t.price, t.currency, t.url, t.image_url,
                      coalesce(t.in_stock, known.in_stock, true), %s
               FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],
                           %s::text[], %s::text[], %s::bool[])
                 AS t(external_id, sku, title, brand, category, price, currency, url, image_url, in_stock)
               LEFT JOIN loyalty_category c ON c.source_id = %s AND c.external_id = t.category AND t.category <> ''
               LEFT JOIN loyalty_product known ON known.source_id = %s AND known.external_id = t.external_id
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
                 in_stock = EXCLUDED.in_stock, updated_at = EXCLUDED.updated_at
               WHERE (EXCLUDED.sku <> '' AND EXCLUDED.sku <> p.sku)
                  OR (EXCLUDED.title <> '' AND EXCLUDED.title <> p.title)
                  OR (EXCLUDED.brand <> '' AND EXCLUDED.brand <> p.brand)
                  OR EXCLUDED.category_id IS DISTINCT FROM p.category_id AND EXCLUDED.category_id IS NOT NULL
                  OR EXCLUDED.price IS DISTINCT FROM p.price AND EXCLUDED.price IS NOT NULL
                  OR (EXCLUDED.url <> '' AND EXCLUDED.url <> p.url)
                  OR (EXCLUDED.image_url <> '' AND EXCLUDED.image_url <> p.image_url)
                  OR EXCLUDED.in_stock <> p.in_stock""",
            [
                source.pk,
                now,
                [r.external_id for r in rows],
                [r.sku for r in rows],
                [r.title for r in rows],
                [r.brand for r in rows],
                [r.category_id or r.category for r in rows],
                [r.price for r in rows],
                [r.currency for r in rows],
                [r.url for r in rows],
                [r.image_url for r in rows],
                [r.in_stock for r in rows],
                source.pk,
                source.pk,
            ],
        )
        cursor.execute(
            "SELECT external_id, id FROM loyalty_product WHERE source_id = %s AND external_id = ANY(%s)",
            [source.pk, [r.external_id for r in rows]],
        )
        return dict(cursor.fetchall())
