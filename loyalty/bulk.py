"""COPY: the fastest way into a table, with Django's own exceptions."""

from collections.abc import Iterable, Sequence

from django.db import connection


def copy(table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
    """Appends rows to a table within the caller's transaction. Raises django.db's exceptions."""
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as target,
    ):
        for row in rows:
            target.write_row(row)
