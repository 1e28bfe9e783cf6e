"""A bounded look through a big table: what no index answers is looked for among so many rows at a time."""

from typing import Any

from django.db import connection
from django.db.models import QuerySet


def end(through: QuerySet[Any], before: int | None, after: int | None, rows: int) -> int | None:
    """The id at which a look through so many rows ends, from an id backwards, or forwards (`after`); None where it
    comes to the end of the table. `through` must have an index in the order of ids: it alone is read.
    """
    if after is not None:
        found = through.filter(pk__gt=after).order_by("pk")
    else:
        found = through.order_by("-pk")
        if before is not None:
            found = found.filter(pk__lt=before)
    return found.values_list("pk", flat=True)[rows : rows + 1].first()


def plan_anew() -> None:
    """Has PostgreSQL plan what follows in this transaction by its values: a rare one wants another plan than a common
    one, however often the statement was prepared."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
