"""Tables that are kept in parts by the month (UTC): whole months go at once, and a query of days reads a month or two.

A partitioned table has a part for every month that is near and one for the rest, so that a row always has its place.
"""

import logging
import re
from collections.abc import Callable
from datetime import date, datetime
from functools import partial

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

# Months that are made before they begin.
AHEAD = 3
# Making and dropping a part locks the table and those it refers to: behind a long transaction it gives up, for while
# it waits everybody else waits behind it. The next tick tries again.
PATIENCE = "2s"

log = logging.getLogger(__name__)


def first_of(now: datetime | date, shift: int = 0) -> date:
    """The first day of the month of `now` (UTC), so many months later."""
    months = now.year * 12 + now.month - 1 + shift
    return date(months // 12, months % 12 + 1, 1)


def months(table: str) -> dict[date, str]:
    """The parts of a table by the first day of their months, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = %s::regclass ORDER BY c.relname""",
            [table],
        )
        found = [re.fullmatch(rf"({table}_(\d{{4}})_(\d\d))", name) for (name,) in cursor.fetchall()]
    return {date(int(match[2]), int(match[3]), 1): match[1] for match in found if match}


def make_ahead(table: str, column: str, now: datetime) -> list[date]:
    """Makes the parts of this month (UTC) and the next ones where they are missing; returns what was made.

    `column` is what the table is parted by. Rows that lie in the rest move into their part: those of these months,
    and of months that passed while nobody made parts.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT DISTINCT date_trunc('month', {column} AT TIME ZONE 'UTC')::date
                FROM {table}_rest WHERE {column} < %s""",  # noqa: S608 (our own names)
            [now],
        )
        wanted = {month for (month,) in cursor.fetchall()} | {first_of(now, shift) for shift in range(AHEAD + 1)}
    missing = sorted(wanted - months(table).keys())
    return [month for month in missing if _patiently(table, partial(_make, table, column, month))]


def drop_before(table: str, month: date) -> list[date]:
    """Drops the parts of the months before `month`; returns what was dropped."""
    old = [(known, name) for known, name in months(table).items() if known < month]
    return [known for known, name in old if _patiently(table, partial(_drop, name))]


def _make(table: str, column: str, month: date) -> None:
    name = f"{table}_{month:%Y_%m}"
    start, end = f"{month} 00:00+00", f"{first_of(month, 1)} 00:00+00"
    with connection.cursor() as cursor:
        # Made apart and then attached: what came into the rest meanwhile has to be moved first.
        cursor.execute(f"LOCK TABLE {table}_rest IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(
            f"""WITH moved AS (DELETE FROM {table}_rest WHERE {column} >= %s AND {column} < %s RETURNING *)
                INSERT INTO {name} SELECT * FROM moved""",  # noqa: S608 (our own names)
            [start, end],
        )
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')")


def _drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {name}")


def _patiently(table: str, do: Callable[[], None]) -> bool:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            do()
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        log.warning("a part of a table has to wait: somebody holds it", extra={"table": table})
        return False
    return True
