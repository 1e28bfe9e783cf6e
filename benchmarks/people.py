"""Clients by the thousand, made inside the database: set-up costs the benchmark no memory."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from benchmarks import harness
from loyalty.models import BonusAccount, BonusEntry, BonusLot, BonusOperation, Client, Consent, Identity, Source


def fill(model: type[Model], origin: str, values: dict[str, Any], /, **columns: str) -> None:
    """Inserts `columns` (SQL expressions) of `origin` (SQL, from FROM on); all other columns have their defaults."""
    fields = [
        f for f in model._meta.concrete_fields if f.attname in columns or not (f.primary_key or f.has_db_default())
    ]
    blank = {f"default_{f.attname}": f.get_db_prep_save(f.get_default(), connection) for f in fields}
    told = ", ".join(columns.get(f.attname) or f"%(default_{f.attname})s::{f.rel_db_type(connection)}" for f in fields)
    into = ", ".join(field.attname for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({into}) SELECT {told} {origin}", blank | values)


def make(number: int, now: datetime) -> tuple[int, int]:
    """Makes clients with an e-mail and consent to it, two of three with a first name, every other with bonuses.

    Sources know them by their e-mail, client<n>@example.com. Returns the first and the last id; the ids between
    them are all clients, numbered from 1.
    """
    harness.say(f"making {number:,} clients …")
    source = Source.objects.create(kind=Source.Kind.SHOP, slug="people")
    values = {"number": number, "now": now, "source": source.pk}
    fill(
        Client,
        "FROM generate_series(1, %(number)s::bigint) AS n",
        values,
        phone="'+79' || lpad(n::text, 9, '0')",
        phone_quality="'valid'",
        email="'client' || n || '@example.com'",
        first_name="CASE WHEN n %% 3 > 0 THEN (ARRAY['Anna', 'Иван', 'Maria', 'Пётр'])[n %% 4 + 1] ELSE '' END",
        attributes="""'{"city": "Riga"}'""",
        created_at="%(now)s - interval '30 days'",
    )
    fill(Identity, "FROM loyalty_client", values, client_id="id", kind="'email'", value="email")
    fill(
        Consent,
        "FROM loyalty_client",
        values,
        client_id="id",
        channel="'email'",
        granted="true",
        source_id="%(source)s",
        given_at="%(now)s - interval '20 days'",
    )
    with transaction.atomic():
        _give_bonuses(values)
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM loyalty_client")
        return cursor.fetchone()


def _give_bonuses(values: dict[str, Any]) -> None:
    """A credit to every other client, as the ledger posts it."""
    fill(
        BonusOperation,
        "FROM loyalty_client WHERE id %% 2 = 0",
        values,
        client_id="id",
        kind="'accrue'",
        amount="100 + id %% 900",
        source="'benchmark'",
        key="'welcome:' || id",
        posted_at="%(now)s - interval '9 days'",
    )
    fill(
        BonusLot,
        "FROM loyalty_bonusoperation",
        values,
        client_id="client_id",
        operation_id="id",
        amount="amount",
        remaining="amount",
        activates_at="posted_at",
        expires_at="%(now)s + interval '90 days'",
    )
    fill(
        BonusEntry,
        "FROM loyalty_bonuslot",
        values,
        operation_id="operation_id",
        lot_id="id",
        client_id="client_id",
        amount="amount",
    )
    fill(BonusAccount, "FROM loyalty_bonuslot", values, client_id="client_id", posted="amount")
