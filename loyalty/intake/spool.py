"""Gathers the lines of orders that lie scattered through a file, on disk: memory stays the same for any size.

It is SQLite's private temporary database (gone with the process), not a table of PostgreSQL: a dry run writes
nothing, no transaction stays open for the length of an import, and PgBouncer may pool as it likes.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from types import TracebackType
from typing import Any, Self

from loyalty.intake.order_file import OrderLine

CACHE_KIB = 16_000
_COLUMNS = "line, order_id, refund, sku, title, quantity, price, total, ordered_at, client, country"


class Spool:
    """Lines on their way from the order of the file to orders. A context manager."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            f"PRAGMA cache_size = -{CACHE_KIB}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"CREATE TABLE line ({_COLUMNS.replace('line,', 'line INTEGER PRIMARY KEY,', 1)})",
            "CREATE TABLE noted (name TEXT PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, lines: Iterable[OrderLine]) -> None:
        """Keeps lines, each once."""
        self._database.executemany(
            f"INSERT INTO line VALUES ({', '.join('?' * len(OrderLine._fields))})",  # noqa: S608 (question marks)
            (_row(line) for line in lines),
        )

    def overlong(self, limit: int) -> Iterator[int]:
        """The numbers of lines of orders that have more than `limit`: `orders` leaves these out."""
        found = self._database.execute(
            """SELECT line FROM line WHERE order_id IN
                 (SELECT order_id FROM line GROUP BY order_id HAVING count(*) > ?) ORDER BY line""",
            [limit],
        )
        return (line for (line,) in found)

    def orders(self, limit: int) -> Iterator[list[OrderLine]]:
        """The lines of every order of up to `limit` lines, orders and lines as they come first in the file."""
        found = self._database.execute(
            f"""SELECT {_COLUMNS} FROM (
                  SELECT *, min(line) OVER one AS first, count(*) OVER one AS size
                  FROM line WINDOW one AS (PARTITION BY order_id))
                WHERE size <= ? ORDER BY first, line""",  # noqa: S608 (our own columns)
            [limit],
        )
        for _, rows in groupby(found, lambda row: row[1]):
            yield [_line(row) for row in rows]

    def note(self, names: Iterable[str]) -> None:
        """Remembers names, each once."""
        self._database.executemany("INSERT OR IGNORE INTO noted VALUES (?)", ((name,) for name in names))

    def noted(self) -> int:
        """How many different names were noted."""
        (count,) = self._database.execute("SELECT count(*) FROM noted").fetchone()
        return int(count)


def _row(line: OrderLine) -> tuple[object, ...]:
    return (*line[:5], str(line.quantity), *line[6:8], line.ordered_at.isoformat(), *line[9:])


def _line(row: tuple[Any, ...]) -> OrderLine:
    line, order_id, refund, sku, title, quantity, price, total, ordered_at, client, country = row
    return OrderLine(
        line=line,
        order_id=order_id,
        refund=bool(refund),
        sku=sku,
        title=title,
        quantity=Decimal(quantity),
        price=price,
        total=total,
        ordered_at=datetime.fromisoformat(ordered_at),
        client=client,
        country=country,
    )
