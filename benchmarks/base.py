"""A shop's base for whole-base work (`rfm`, `segment`): N clients, 10 N orders of one line, made inside the database.

Always the same: random numbers start from a fixed seed. Rows lie in the order in which a shop would have written
them, so that the orders of one client are scattered over the whole table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Model

from benchmarks import harness
from benchmarks.people import fill
from loyalty.models import Category, Client, Consent, Order, OrderLine, Product, Source

ORDERS_EACH = 10
CATEGORIES = 20
PRODUCTS = 1000
BRANDS = 25
DAYS = 730  # how far the orders reach back

SEED = "SELECT setseed(0.5)"


@dataclass(frozen=True)
class Base:
    """What was made. Ids from `first` to `last` are all clients; the orders came from `source`."""

    source: int
    first: int
    last: int


def make(number: int, now: datetime) -> Base:
    """Makes `number` clients and ten times as many orders of the two years before `now` (UTC), one line each.

    Every seventh client never bought; of the others some bought often and most a few times. One order in twenty was
    cancelled, one in twenty came back in whole, three in ten were discounted. Every category has its own products.
    """
    source = Source.objects.create(kind=Source.Kind.SHOP, slug="base", name="base", currency="RUB")
    values = {
        "source": source.pk,
        "now": now,
        "number": number,
        "orders": number * ORDERS_EACH,
        "categories": CATEGORIES,
        "products": PRODUCTS,
        "brands": BRANDS,
        "days": DAYS,
    }
    with transaction.atomic():
        _goods(values)
        first, last = _clients(number, values)
        _orders(number, values | {"first": first})
    return Base(source.pk, first, last)


def _goods(values: dict[str, object]) -> None:
    fill(
        Category,
        "FROM generate_series(1, %(categories)s) AS n",
        values,
        source_id="%(source)s",
        external_id="'c' || n",
        name="'Category ' || n",
    )
    fill(
        Product,
        """FROM generate_series(1, %(products)s) AS n
           JOIN loyalty_category c ON c.external_id = 'c' || 1 + n %% %(categories)s::int""",
        values,
        source_id="%(source)s",
        external_id="'p' || n",
        sku="'p' || n",
        title="'Product ' || n",
        brand="'Brand ' || n %% %(brands)s::int",
        category_id="c.id",
        price="10000 + n * 100",
        currency="'RUB'",
        updated_at="%(now)s",
    )


def _clients(number: int, values: dict[str, object]) -> tuple[int, int]:
    harness.say(f"making {number:,} clients …")
    with bare(Client), connection.cursor() as cursor:
        cursor.execute(SEED)
        fill(
            Client,
            "FROM generate_series(1, %(number)s::bigint) AS n",
            values,
            phone="'+79' || lpad(n::text, 9, '0')",
            phone_quality="'valid'",
            email="'client' || n || '@example.com'",
            first_name="(ARRAY['Anna', 'Иван', 'Maria', 'Пётр', ''])[n %% 5 + 1]",
            birthday="date '1950-01-01' + (random() * 20000)::int",
            gender="(ARRAY['f', 'm', ''])[n %% 3 + 1]",
            attributes="jsonb_build_object('city', (ARRAY['Riga', 'Omsk', 'Kazan', 'Perm'])[n %% 4 + 1])",
            registered_at="%(now)s - random() * %(days)s::int * interval '1 day'",
            created_at="%(now)s - interval '30 days'",
        )
        cursor.execute("SELECT min(id), max(id) FROM loyalty_client")
        first, last = cursor.fetchone()
    with bare(Consent):
        fill(
            Consent,
            "FROM loyalty_client",
            values,
            client_id="id",
            channel="'email'",
            granted="id %% 3 > 0",
            source_id="%(source)s",
            given_at="%(now)s - interval '20 days'",
        )
    return first, last


def _orders(number: int, values: dict[str, object]) -> None:
    harness.say(f"making {number * ORDERS_EACH:,} orders …")
    with bare(Order), connection.cursor() as cursor:
        cursor.execute(SEED)
        fill(
            Order,
            """FROM (SELECT n, random() AS luck, (1 + random() * 99) ^ 2 * 100 AS sum,
                            %(first)s + floor(random() ^ 1.5 * %(number)s * 6 / 7)::bigint AS client,
                            %(now)s - (%(orders)s - n)::float8 / %(orders)s * %(days)s::int * interval '1 day' AS at
                     FROM generate_series(1, %(orders)s::bigint) AS n) AS o""",
            values,
            source_id="%(source)s",
            external_id="n::text",
            number="n::text",
            client_id="client",
            status="CASE WHEN luck < 0.05 THEN 'cancelled' WHEN luck < 0.1 THEN 'refunded' ELSE 'paid' END",
            currency="'RUB'",
            total="sum",
            discount="CASE WHEN n %% 10 < 3 THEN sum / 10 ELSE 0 END",
            refunded="CASE WHEN luck >= 0.05 AND luck < 0.1 THEN sum ELSE 0 END",
            ordered_at="at",
            changed_at="at",
        )
    with bare(OrderLine):
        fill(
            OrderLine,
            """FROM loyalty_order o JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM loyalty_product)
                 AS p ON p.place = (o.id * 7919) %% %(products)s""",
            values,
            order_id="o.id",
            position="0",
            product_id="p.id",
            title="''",
            quantity="1",
            price="o.total",
            total="o.total",
        )


@contextmanager
def bare(model: type[Model]) -> Iterator[None]:
    """Keeps the table without its foreign keys and its indexes but the primary key: they are made once, at the end."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no altering while checks wait for the commit
        cursor.execute(
            """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE conrelid = %s::regclass AND contype IN ('f', 'u') ORDER BY contype DESC""",
            [table],
        )
        constraints = cursor.fetchall()
        for name, _ in constraints:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute(
            """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
               WHERE indrelid = %s::regclass AND NOT indisprimary""",
            [table],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        yield
        for _, definition in indexes:
            cursor.execute(definition)
        for name, definition in constraints:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
