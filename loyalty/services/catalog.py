"""Products and categories, learnt from what shops send."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.db import connection

from loyalty.intake.facts import Fact, ProductFact
from loyalty.models import ProductChange, Source
from loyalty.services import price_list, rows
from loyalty.services.price_list import Listing
from loyalty.services.rows import as_json


def _told(facts: Iterable[Fact]) -> Iterable[ProductFact]:
    for fact in facts:
        if not price_list.is_word(fact):
            yield from fact.products
        if fact.cart:
            yield from (line.product for line in fact.cart.lines or ())
            if fact.cart.change:
                yield fact.cart.change.product
        if fact.order:
            yield from (line.product for line in fact.order.lines or ())


def _words(facts: Iterable[Fact]) -> dict[str, list[tuple[Fact, ProductFact]]]:
    """What the catalogue itself says, by product."""
    words: dict[str, list[tuple[Fact, ProductFact]]] = {}
    for fact in facts:
        if price_list.is_word(fact):
            for product in fact.products:
                if product.external_id:
                    words.setdefault(product.external_id, []).append((fact, product))
    return words


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
    listing: Listing

    def says(self, news: ProductFact) -> bool:
        """Whether the news say nothing else than what is stored."""
        mine, category = self.told, news.category_id or news.category
        return (
            (not category or (category == mine.category_id and news.category in ("", mine.category)))
            and news.price in (None, mine.price)
            and news.in_stock in (None, mine.in_stock)
            and news.stock in (None, mine.stock)
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


def upsert(source: Source, facts: Sequence[Fact], now: datetime) -> dict[str, int]:
    """Stores every product that the facts mention; returns their ids by the source's own id.

    What a fact leaves out is not erased. A product that the facts say nothing new of is read only: writing it,
    even unchanged, would hold up every other delivery that mentions it. Price and stock are the catalogue's own word
    from the first time that it speaks; what changes in them is history, and news for clients (`price_list`).
    """
    told: dict[str, ProductFact] = {}
    for product in _told(facts):
        if product.external_id:
            told[product.external_id] = _merge(told.get(product.external_id), product)
    words = _words(facts)
    if not told and not words:
        return {}
    if words:
        _lock(source, words)
    known = _find(source, told.keys() | words.keys())
    listings: dict[str, Listing] = {}
    for name, said in words.items():
        before = known[name].listing if name in known else _guess(told.get(name))
        price_list.hear(before, said, now)
        listings[name] = before
        for _fact, product in said:
            told[name] = _merge(told.get(name), product)
    news = []
    for name, product in sorted(told.items()):
        listing = listings.get(name)
        stored = listing or (known[name].listing if name in known else Listing())
        if stored.told_at:
            # Where it has never named a price, any price is better than none.
            price = product.price if stored.price is None else stored.price
            currency = stored.currency or product.currency
            product = replace(product, price=price, currency=currency, in_stock=stored.in_stock, stock=stored.stock)
        if listing or name not in known or not known[name].says(product):
            news.append((product, listing or Listing()))
    ids = {name: product.id for name, product in known.items()}
    if news:
        _write(source, news, now)
        missing = (told.keys() | words.keys()) - ids.keys()
        ids |= {name: product.id for name, product in _find(source, missing).items()} if missing else {}
    _note(listings, ids, now)
    return ids


def _guess(told: ProductFact | None) -> Listing:
    """What others say of a product that is not stored yet."""
    return Listing(price=told.price, currency=told.currency) if told else Listing()


def _note(listings: dict[str, Listing], ids: dict[str, int], now: datetime) -> None:
    rows.insert(
        ProductChange,
        [
            change | {"product_id": ids[name], "recorded_at": now}
            for name, listing in listings.items()
            for change in listing.changes
        ],
    )


def _lock(source: Source, names: Iterable[str]) -> None:
    """Two words about one product are heard one after the other: each compares with what the other has left."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT 1 FROM loyalty_product WHERE source_id = %s AND external_id = ANY(%s)
               ORDER BY external_id FOR NO KEY UPDATE""",
            [source.pk, list(names)],
        )


def _find(source: Source, names: Iterable[str]) -> dict[str, _Known]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.external_id, p.sku, p.title, p.brand, coalesce(c.name, ''), coalesce(c.external_id, ''),
                      p.price, p.currency, p.url, p.image_url, p.in_stock, p.old_price, p.old_price_until,
                      p.published_at, p.told_at, p.stock
               FROM loyalty_product p LEFT JOIN loyalty_category c ON c.id = p.category_id
               WHERE p.source_id = %s AND p.external_id = ANY(%s)""",
            [source.pk, list(names)],
        )
        found = {}
        for number, *told, old_price, until, published_at, told_at, stock in cursor.fetchall():
            product = ProductFact(*told)
            product.stock = stock
            listing = Listing(
                product.price, product.currency, product.in_stock, old_price, until, published_at, told_at, stock
            )
            found[product.external_id] = _Known(number, product, listing)
        return found


# A word of the catalogue that is not older than what it said before; and what is believed: that, or, as long as the
# catalogue has said nothing, whoever speaks. Looked at once more here, where the row is locked.
_HEARD = "(EXCLUDED.told_at IS NOT NULL AND (p.told_at IS NULL OR EXCLUDED.told_at >= p.told_at))"
_BELIEVED = f"({_HEARD} OR p.told_at IS NULL)"


def _write(source: Source, products: Sequence[tuple[ProductFact, Listing]], now: datetime) -> None:
    told = as_json(_columns(product, listing) for product, listing in products)
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH told AS (SELECT DISTINCT ON (category_id) category_id, category
                             FROM json_to_recordset(%s) AS t(category_id text, category text)
                             WHERE category_id <> '' ORDER BY category_id)
               INSERT INTO loyalty_category AS c (source_id, external_id, name)
               SELECT %s, category_id, category FROM told ON CONFLICT (source_id, external_id)
               DO UPDATE SET name = EXCLUDED.name
               WHERE c.name <> EXCLUDED.name AND EXCLUDED.name <> EXCLUDED.external_id""",
            [told, source.pk],
        )
        cursor.execute(
            f"""INSERT INTO loyalty_product AS p (source_id, external_id, sku, title, brand, category_id, price,
                                                 currency, url, image_url, in_stock, stock, old_price,
                                                 old_price_until, published_at, told_at, updated_at)
               SELECT %(source)s, t.external_id, t.sku, t.title, t.brand, c.id, t.price, t.currency, t.url,
                      t.image_url, coalesce(t.in_stock, known.in_stock, true), t.stock, t.old_price,
                      t.old_price_until, t.published_at, t.told_at, %(now)s
               FROM json_to_recordset(%(rows)s)
                 AS t(external_id text, sku text, title text, brand text, category_id text, price bigint, currency text,
                      url text, image_url text, in_stock bool, stock int, old_price bigint, old_price_until timestamptz,
                      published_at timestamptz, told_at timestamptz)
               LEFT JOIN loyalty_category c ON c.source_id = %(source)s AND c.external_id = t.category_id
                    AND t.category_id <> ''
               LEFT JOIN loyalty_product known ON known.source_id = %(source)s AND known.external_id = t.external_id
               ORDER BY t.external_id
               ON CONFLICT (source_id, external_id) DO UPDATE SET
                 sku = coalesce(nullif(EXCLUDED.sku, ''), p.sku),
                 title = coalesce(nullif(EXCLUDED.title, ''), p.title),
                 brand = coalesce(nullif(EXCLUDED.brand, ''), p.brand),
                 category_id = coalesce(EXCLUDED.category_id, p.category_id),
                 price = CASE WHEN {_BELIEVED} THEN coalesce(EXCLUDED.price, p.price)
                              ELSE coalesce(p.price, EXCLUDED.price) END,
                 currency = CASE WHEN {_BELIEVED} THEN coalesce(nullif(EXCLUDED.currency, ''), p.currency)
                                 ELSE coalesce(nullif(p.currency, ''), EXCLUDED.currency) END,
                 url = coalesce(nullif(EXCLUDED.url, ''), p.url),
                 image_url = coalesce(nullif(EXCLUDED.image_url, ''), p.image_url),
                 in_stock = CASE WHEN {_BELIEVED} THEN EXCLUDED.in_stock ELSE p.in_stock END,
                 stock = CASE WHEN {_BELIEVED} THEN coalesce(EXCLUDED.stock, p.stock) ELSE p.stock END,
                 old_price = CASE WHEN {_HEARD} THEN EXCLUDED.old_price ELSE p.old_price END,
                 old_price_until = CASE WHEN {_HEARD} THEN EXCLUDED.old_price_until ELSE p.old_price_until END,
                 published_at = coalesce(p.published_at, EXCLUDED.published_at),
                 told_at = greatest(p.told_at, EXCLUDED.told_at), updated_at = EXCLUDED.updated_at""",  # noqa: S608
            {"source": source.pk, "now": now, "rows": told},
        )


def _columns(product: ProductFact, listing: Listing) -> dict[str, Any]:
    """The product's columns; a category is known by its id, or by its name where it has none."""
    category, category_id = product.category, product.category_id
    return asdict(product) | {
        "category_id": category_id or category,
        "category": category or category_id,
        "old_price": listing.old_price,
        "old_price_until": listing.old_price_until,
        "published_at": listing.published_at,
        "told_at": listing.told_at,
    }
