"""Which scenarios have anything due: a tick costs what is due, however many scenarios are active (semantics §8)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from django.db import connection

_WHERE = {"scenarios_entryclock": "true", "scenarios_scenariorun": "state = 'active'"}


def due(
    table: Literal["scenarios_entryclock", "scenarios_scenariorun"], scenario_ids: Iterable[int], now: datetime
) -> list[int]:
    """Those of the scenarios, in their order, with a clock or an active run that is due at `now` (UTC).

    One query, one step through the index of what is due a scenario. A row that another worker holds counts.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.id FROM unnest(%s::bigint[]) WITH ORDINALITY AS s(id, place)
                CROSS JOIN LATERAL (
                  SELECT FROM {table} WHERE scenario_id = s.id AND {_WHERE[table]} AND due_at <= %s
                  ORDER BY due_at LIMIT 1) AS first
                ORDER BY s.place""",  # noqa: S608 (of the texts above)
            [list(scenario_ids), now],
        )
        return [scenario_id for (scenario_id,) in cursor.fetchall()]
