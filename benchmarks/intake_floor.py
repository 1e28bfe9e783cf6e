"""The floor of `intake`: the rows that the product would write for a batch of calls, straight by COPY.

What they are is worked out beforehand: the program that is timed parses nothing, resolves nobody and knows
every id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import psycopg
from django.db import connection
from django.db.models import Model

from benchmarks import harness
from loyalty.intake import segment_http
from loyalty.intake.facts import Fact
from loyalty.models import (
    BonusAccount,
    Cart,
    Client,
    Consent,
    Event,
    Identity,
    Order,
    OrderLine,
    Product,
    Purchase,
    Source,
    UnreadEvent,
)
from loyalty.services import sources
from loyalty.services.orders import cart_line

Row = tuple[Any, ...]

# What is written in this order, and the columns that say something.
MODELS: tuple[type[Model], ...] = (
    Client, Identity, Consent, Event, UnreadEvent, Cart, Order, OrderLine, Purchase, BonusAccount,
)  # fmt: skip
TABLES = {
    "loyalty_client": "id, phone, phone_given, phone_quality, email, first_name, last_name, gender, zone, language,"
    " attributes, profile_changed_at, created_at",
    "loyalty_identity": "client_id, kind, scope, value",
    "loyalty_consent": "client_id, channel, topic, granted, source_id, evidence, text_version, given_at",
    "loyalty_event": "id, source_id, external_id, name, client_id, anonymous_id, occurred_at, received_at, payload,"
    " raw, depth",
    "loyalty_unreadevent": "event_id",
    "loyalty_cart": "source_id, token, client_id, anonymous_id, lines, total, currency, checkout_url,"
    " ordered_at, changed_at",
    "loyalty_order": "id, source_id, external_id, number, client_id, anonymous_id, cart_token, status, currency, total,"
    " discount, refunded, ordered_at, changed_at",
    "loyalty_orderline": "order_id, position, product_id, title, quantity, price, total",
    "loyalty_purchase": "order_id, counted_at, terms",
    "loyalty_bonusaccount": "client_id",
}
BLANKS = {model._meta.db_table: harness.blanks(model, TABLES[model._meta.db_table]) for model in MODELS}


@dataclass
class Writes:
    """What one batch of calls writes."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {table: [] for table in TABLES})
    # Anonymous name → client whom it turned out to be.
    joined: dict[str, int] = field(default_factory=dict)
    # Clients who told their profile again, and when.
    told: dict[int, datetime] = field(default_factory=dict)
    ordered: list[str] = field(default_factory=list)


class Planner:
    """Works out the rows, batch after batch."""

    def __init__(self, source: Source, now: datetime, most: int) -> None:
        self.source = source
        self.now = now
        self.origin = sources.origin(source)
        self.products = dict(Product.objects.filter(source=source).values_list("external_id", "pk"))
        self.clients = {
            (kind, value): client
            for kind, value, client in Identity.objects.filter(scope=source.slug).values_list(
                "kind", "value", "client_id"
            )
        }
        self.ids = {table: iter(_reserve(table, most)) for table in TABLES if TABLES[table].startswith("id, ")}

    def plan(self, calls: list[dict[str, Any]]) -> Writes:
        """The rows of one batch."""
        taken = segment_http.read_call("batch", {"batch": calls}, self.origin, self.now)
        writes = Writes()
        for group in taken.groups:
            client = self._client(group[0], writes)
            for fact in group:
                event = next(self.ids["loyalty_event"])
                writes.rows["loyalty_event"].append(self._event(event, fact, client))
                if client is not None:
                    writes.rows["loyalty_unreadevent"].append((event,))
            self._cart(group[0], client, writes)
            self._order(group[-1], client, writes)
        for table, rows in writes.rows.items():
            tail = tuple(BLANKS[table].values())
            writes.rows[table] = [row + tail for row in rows]
        return writes

    def _client(self, fact: Fact, writes: Writes) -> int | None:
        anonymous, user = ("anonymous", fact.who.anonymous[0]), ("external", fact.who.external_id)
        client = self.clients.get(user) or self.clients.get(anonymous)
        if client is None and fact.who.external_id:
            client = self.clients[user] = self.clients[anonymous] = next(self.ids["loyalty_client"])
            writes.joined[anonymous[1]] = client
            self._new_client(client, fact, writes)
        elif client is not None and fact.profile:
            writes.told[client] = fact.occurred_at
        if client is not None:
            writes.rows["loyalty_consent"] += [
                (client, said.channel, said.topic, said.granted, self.source.pk, said.evidence, "", fact.occurred_at)
                for said in fact.consents
            ]
        return client

    def _new_client(self, client: int, fact: Fact, writes: Writes) -> None:
        who, profile = fact.who, fact.profile
        phone = who.phone
        names = [("external", self.source.slug, who.external_id), ("anonymous", self.source.slug, who.anonymous[0])]
        names += [("email", "", who.email)] * bool(who.email)
        names += [("phone", "", phone.e164)] if phone else []
        writes.rows["loyalty_identity"] += [(client, *name) for name in names]
        assert profile is not None  # new visitors become known by an identify call
        writes.rows["loyalty_client"].append((
            client, phone.e164 if phone else "", phone.given if phone else "", phone.quality if phone else "",
            who.email, profile.first_name, profile.last_name, profile.gender, profile.zone, profile.language,
            _json(profile.attributes), fact.occurred_at, self.now,
        ))  # fmt: skip

    def _event(self, event: int, fact: Fact, client: int | None) -> Row:
        return (
            event, self.source.pk, fact.external_id, fact.name, client, fact.who.anonymous[0], fact.occurred_at,
            self.now, _json(fact.payload), None if fact.raw is None else _json(fact.raw), 0,
        )  # fmt: skip

    def _cart(self, fact: Fact, client: int | None, writes: Writes) -> None:
        if fact.cart and fact.cart.change:
            line = cart_line(fact.cart.change)
            writes.rows["loyalty_cart"].append((
                self.source.pk, fact.cart.token, client, fact.who.anonymous[0], _json([line]), line["total"],
                fact.cart.currency, "", None, fact.cart.changed_at,
            ))  # fmt: skip

    def _order(self, fact: Fact, client: int | None, writes: Writes) -> None:
        news = fact.order
        if news is None:
            return
        order = next(self.ids["loyalty_order"])
        writes.rows["loyalty_order"].append((
            order, self.source.pk, news.external_id, news.number, client, fact.who.anonymous[0], news.cart_token,
            news.status, news.currency, news.total, news.discount, 0, news.ordered_at, news.changed_at,
        ))  # fmt: skip
        writes.rows["loyalty_orderline"] += [
            (
                order,
                n,
                self.products[line.product.external_id],
                line.product.title,
                line.quantity,
                line.price,
                line.total,
            )
            for n, line in enumerate(news.lines or ())
        ]
        writes.ordered.append(news.cart_token)
        # Paid, it is counted: what it earned and from which lines, though no rule gives anything here.
        lines = [cart_line(line) for line in news.lines or ()]
        writes.rows["loyalty_purchase"].append((order, self.now, _json({"items": lines})))
        writes.rows["loyalty_bonusaccount"].append((client,))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _reserve(table: str, number: int) -> range:
    """Ids that the table's sequence will not give to anybody else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(s), s FROM pg_get_serial_sequence(%s, 'id') AS s", [table])
        first, sequence = cursor.fetchone()
        cursor.execute("SELECT setval(%s, %s)", [sequence, first + number])
    return range(first, first + number)


def write(database: psycopg.Connection, source: int, batches: Iterable[Writes]) -> None:
    """Writes batches, each in a transaction of its own: the program that is timed."""
    for writes in batches:
        with database.transaction(), database.cursor() as cursor:
            for table, columns in TABLES.items():
                _copy(cursor, table, ", ".join([columns, *BLANKS[table]]), writes.rows[table])
            if writes.told:
                cursor.execute(
                    """UPDATE loyalty_client c SET profile_changed_at = t.at
                       FROM unnest(%s::bigint[], %s::timestamptz[]) AS t(id, at) WHERE c.id = t.id""",
                    [list(writes.told), list(writes.told.values())],
                )
            if writes.joined:
                cursor.execute(
                    """WITH n AS (SELECT * FROM unnest(%(names)s::text[], %(clients)s::bigint[]) AS n(name, client_id)),
                       event AS (
                         UPDATE loyalty_event e SET client_id = n.client_id FROM n
                         WHERE e.source_id = %(source)s AND e.anonymous_id = n.name AND e.client_id IS NULL
                           AND e.anonymous_id <> '' RETURNING e.id),
                       cart AS (
                         UPDATE loyalty_cart c SET client_id = n.client_id FROM n
                         WHERE c.source_id = %(source)s AND c.anonymous_id = n.name AND c.client_id IS NULL)
                       INSERT INTO loyalty_unreadevent (event_id) SELECT id FROM event""",
                    {"names": list(writes.joined), "clients": list(writes.joined.values()), "source": source},
                )
            if writes.ordered:
                cursor.execute(
                    "UPDATE loyalty_cart SET ordered_at = now() WHERE source_id = %s AND token = ANY(%s)",
                    [source, writes.ordered],
                )


def _copy(cursor: psycopg.Cursor, table: str, columns: str, rows: Sequence[Row]) -> None:
    if rows:
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
