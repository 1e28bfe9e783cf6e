"""What a rule would select, while it is being written (semantics §43): how many, whom, and why not this one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from loyalty.models import Client
from segments.models import Condition
from segments.services import evaluate

PATIENCE_MS = 200  # an answer that takes longer is estimated
SAMPLE = 10  # clients shown
DRAWN = 3000  # clients drawn at random for an estimate: ± 2 percentage points


@dataclass(frozen=True, slots=True)
class Preview:
    """How many clients a rule selects, and some of them. An estimate (`exact` false) comes from a random draw."""

    count: int
    exact: bool
    sample: list[Client]


def preview(rule: Condition, now: datetime, patience_ms: int = PATIENCE_MS) -> Preview:
    """What the rule (saved or not) selects at `now` (UTC): exact where that takes no longer than the patience."""
    try:
        # A savepoint: a statement that was cancelled must not spoil the caller's transaction.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{patience_ms}ms"])
            count, ids = _exact(rule, now)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        count, ids = _estimate(rule, now)
        return Preview(count, False, _clients(ids))
    return Preview(count, True, _clients(ids))


def count(rule: Condition, now: datetime) -> int:
    """How many clients the rule selects at `now` (UTC): exact, whatever it takes."""
    return _exact(rule, now)[0]


def why(rule: Condition, client_id: int, now: datetime) -> evaluate.Explanation:
    """Why the client is in or not, with what each condition saw. Raises LookupError where there is no such client."""
    return evaluate.explain(rule, client_id, now)


def _exact(rule: Condition, now: datetime) -> tuple[int, Sequence[int]]:
    sql, values = evaluate.selection(rule, now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH fit AS MATERIALIZED ({sql})
               SELECT (SELECT count(*) FROM fit), ARRAY(SELECT id FROM fit ORDER BY id DESC LIMIT %s)""",  # noqa: S608
            [*values, SAMPLE],
        )
        return cursor.fetchone()


def _estimate(rule: Condition, now: datetime) -> tuple[int, Sequence[int]]:
    """By clients drawn at random: as many ids are drawn from first to last as there is time to look at."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM loyalty_client")
        first, last = cursor.fetchone()
        if first is None:
            return 0, []
        cursor.execute(
            "SELECT %s + floor(random() * %s)::bigint FROM generate_series(1, %s)", [first, last - first + 1, DRAWN]
        )
        drawn = {pk for (pk,) in cursor.fetchall()}
        sql, values = evaluate.selection(rule, now, drawn)
        cursor.execute(sql, values)
        fit = sorted(pk for (pk,) in cursor.fetchall())
    return round((last - first + 1) * len(fit) / len(drawn)), fit[: -SAMPLE - 1 : -1]


def _clients(ids: Sequence[int]) -> list[Client]:
    return list(Client.objects.filter(pk__in=ids).order_by("-pk"))
