"""What a scenario changed: clients who were treated against clients who were held out, as assigned (semantics §50).

A client counts once, by the first entry, in the arm of that entry, whatever happened afterwards (intention to
treat); only entries since the first ghost, and only those whose window is over. Converted is who reached the goal
of the scenario or, where it has none, made an order that stayed paid, inside the programme's window after entry.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from loyalty.services import programme
from scenarios.models import Uplift
from scenarios.services.attribution import NET_SQL, PAID_SQL
from scenarios.services.statistics import Sample, bootstrap

# Entries of so long count: a scenario that changed a year ago is another one.
LONGEST = timedelta(days=365)
# The bootstrap draws from so many clients of each arm.
SAMPLE = 1000


def count(scenario_id: int, now: datetime) -> Uplift | None:
    """Counts a scenario's arms at `now` (UTC) and keeps them. None where nobody was held out long enough ago."""
    settings = programme.current()
    values: dict[str, Any] = {
        "scenario": scenario_id,
        "window": timedelta(days=settings.attribution_days),
        "since": now - LONGEST,
        "until": now - timedelta(days=settings.attribution_days),
        "currency": settings.currency,
        "sample": SAMPLE,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT min(entered_at) FROM scenarios_scenariorun
               WHERE scenario_id = %(scenario)s AND holdout <> '' AND entered_at BETWEEN %(since)s AND %(until)s""",
            values,
        )
        (values["since"],) = cursor.fetchone()
        if values["since"] is None:
            return None
        cursor.execute(_ARMS, values)
        arms = {held: row for held, *row in cursor.fetchall()}
    treated, control = (arms.get(held, [0, 0, 0, []]) for held in (False, True))
    samples = [Sample(n, float(revenue) / n if n else 0.0, sample) for n, _, revenue, sample in (treated, control)]
    found = bootstrap(samples[0], samples[1], seed=scenario_id)
    return Uplift.objects.update_or_create(
        scenario_id=scenario_id,
        defaults={
            "entered_from": values["since"],
            "entered_until": values["until"],
            "counted_at": now,
            "clients": [treated[0], control[0]],
            "converted": [treated[1], control[1]],
            "revenue": [treated[2], control[2]],
            "revenue_low": found.low if found else None,
            "revenue_high": found.high if found else None,
        },
    )[0]


_ARMS = f"""
WITH entry AS (
  SELECT DISTINCT ON (r.client_id) r.client_id, r.holdout <> '' AS held, r.state, r.entered_at, r.finished_at
  FROM scenarios_scenariorun r WHERE r.scenario_id = %(scenario)s
  ORDER BY r.client_id, r.entered_at, r.id),
client AS (
  SELECT e.held, bought.revenue,
         CASE WHEN s.goal_event <> '' THEN e.state = 'goal' AND e.finished_at <= e.entered_at + %(window)s
              ELSE bought.orders > 0 END AS converted,
         row_number() OVER (PARTITION BY e.held ORDER BY md5(e.client_id::text)) AS place
  FROM entry e
  JOIN scenarios_scenario s ON s.id = %(scenario)s
  CROSS JOIN LATERAL (
    SELECT count(*) AS orders, coalesce(sum({NET_SQL}) FILTER (WHERE o.currency = %(currency)s), 0) AS revenue
    FROM loyalty_order o
    WHERE o.client_id = e.client_id AND o.ordered_at > e.entered_at AND o.ordered_at <= e.entered_at + %(window)s
      AND {PAID_SQL}) AS bought
  WHERE e.entered_at BETWEEN %(since)s AND %(until)s)
SELECT held, count(*), count(*) FILTER (WHERE converted), sum(revenue)::bigint,
       coalesce(array_agg(revenue::float8 ORDER BY place) FILTER (WHERE place <= %(sample)s), '{{}}')
FROM client GROUP BY held
"""  # noqa: S608 (fixed texts)


def count_all(now: datetime) -> int:
    """Counts every scenario that has held anybody out; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.id FROM scenarios_scenario s
               WHERE s.status <> 'draft' AND EXISTS (
                 SELECT FROM scenarios_scenariorun r WHERE r.scenario_id = s.id AND r.holdout <> '')
               ORDER BY s.id"""
        )
        ids = [scenario_id for (scenario_id,) in cursor.fetchall()]
    return sum(count(scenario_id, now) is not None for scenario_id in ids)
