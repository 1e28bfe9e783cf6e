"""Writing many rows in one plain statement, for the hot paths (architecture §2).

All rows travel as one JSON text, made by orjson and taken apart by PostgreSQL's `json_to_recordset`, both in C. The
usual ways cost Python for every value: `bulk_update` builds a CASE, an array is escaped quote by quote.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import orjson
from django.db import connection
from django.db.models import Field, Model

Row = TypeVar("Row", bound=Model)


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as a JSON list of objects: times in RFC 3339, decimals as text."""
    return orjson.dumps(list(rows), default=str).decode()


def insert(
    model: type[Model], rows: Sequence[Mapping[str, Any]], conflict: str = "", returning: str = "id"
) -> list[tuple[Any, ...]]:
    """Inserts rows, given by column, in their order; what a row leaves out has the field's default.

    Returns the columns `returning` of the new rows. `conflict` is what follows ON CONFLICT: rows that DO NOTHING
    kept out are not returned. Rows bring their own ids where the first one does.
    """
    if not rows:
        return []
    fields = tuple(f for f in model._meta.concrete_fields if not f.primary_key or f.attname in rows[0])
    blank = {field.attname: field.get_default() for field in fields}
    with connection.cursor() as cursor:
        cursor.execute(_insertion(model, fields, conflict, returning), [as_json(blank | dict(row) for row in rows)])
        return cursor.fetchall()


def locked(model: type[Row], where: str, values: Sequence[Any], order: str) -> list[Row]:
    """Rows of `where` (SQL), locked for writing in the order of a column: two writers queue, they never deadlock.

    The ORM takes longer to put the same statement together than PostgreSQL takes to run it.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"{_selection(model)} WHERE {where} ORDER BY {order} FOR NO KEY UPDATE", values)
        return [load(model, row) for row in cursor.fetchall()]


def selected(model: type[Model], table: str) -> str:
    """The columns of a model that stands in a statement as `table`, as `load` wants them.

    Named, not "*": a column that a migration adds must not change the result of a prepared statement.
    """
    return ", ".join(f"{table}.{field.attname}" for field in model._meta.concrete_fields)


def load(model: type[Row], values: Sequence[Any]) -> Row:
    """A row as an object of its model, from the columns of `selected`."""
    attributes, converted = _reading(model)
    row = list(values)
    for place, from_db in converted:
        row[place] = from_db(row[place], None, connection)
    return model.from_db(connection.alias, attributes, row)


def columns(row: Model) -> dict[str, Any]:
    """A row as `insert` takes it."""
    fields = row._meta.concrete_fields
    return {f.attname: getattr(row, f.attname) for f in fields if not f.primary_key or row.pk is not None}


def update(rows: Sequence[Model], names: tuple[str, ...]) -> None:
    """Writes these fields of changed rows of one model."""
    if not rows:
        return
    model = type(rows[0])
    fields = _fields(model, names)
    with connection.cursor() as cursor:
        cursor.execute(
            _change(model, fields),
            [
                as_json(
                    {"id": row.pk} | {field.attname: getattr(row, field.attname) for field in fields} for row in rows
                )
            ],
        )


def _fields(model: type[Model], names: tuple[str, ...]) -> tuple[Field, ...]:
    return tuple(field for field in model._meta.concrete_fields if field.name in names)


def _recordset(fields: Iterable[Field]) -> str:
    # rel_db_type: what a reference to the field is, so that a key is a plain bigint rather than an identity.
    typed = [(field, field.rel_db_type if field.primary_key else field.db_type) for field in fields]
    return f"json_to_recordset(%s) AS t({', '.join(f'{field.attname} {kind(connection)}' for field, kind in typed)})"


@cache
def _reading(model: type[Model]) -> tuple[list[str], list[tuple[int, Callable[..., Any]]]]:
    """The attributes of a model in order, and by place those that the database holds in another form."""
    fields = model._meta.concrete_fields
    converted = [(place, getattr(field, "from_db_value", None)) for place, field in enumerate(fields)]
    return [field.attname for field in fields], [(place, convert) for place, convert in converted if convert]


@cache
def _selection(model: type[Model]) -> str:
    return f"SELECT {selected(model, 't')} FROM {model._meta.db_table} t"  # noqa: S608


@cache
def _insertion(model: type[Model], fields: tuple[Field, ...], conflict: str, returning: str) -> str:
    into = f"{model._meta.db_table} ({', '.join(field.attname for field in fields)})"
    clause = f"ON CONFLICT {conflict}" if conflict else ""
    return f"INSERT INTO {into} SELECT * FROM {_recordset(fields)} {clause} RETURNING {returning}"  # noqa: S608


@cache
def _change(model: type[Model], fields: tuple[Field, ...]) -> str:
    told = ", ".join(f"{field.attname} = t.{field.attname}" for field in fields)
    source = _recordset([model._meta.pk, *fields])
    return f"UPDATE {model._meta.db_table} r SET {told} FROM {source} WHERE r.id = t.id"  # noqa: S608
