"""What happened in scenarios on a day, counted from facts by one statement a kind of fact (semantics §47–48, §51).

| figure | of the scenario or a step | detail | count | amount |
|---|---|---|---|---|
| entered | scenario | control group or '' | runs | first entries of their clients |
| completed, goal | scenario | control group or '' | runs | |
| exited | scenario and step | reason | runs | |
| failed | scenario and step | | runs given up | |
| reached | step | | runs that came to it | |
| proceeded | step | | runs that went on from it | |
| sent | scenario and step | channel | accepted by the provider | parts of those whose cost is not known |
| cost | scenario and step | channel | messages whose cost is known, bounced ones too | cost × 10,000 |
| delivered | scenario and step | channel | accepted and not bounced | |
| withheld | scenario and step | reason | messages not sent | |
| opened, clicked, unsubscribed | scenario and step | channel | messages, at the first time | |
| bonuses | scenario | kind of posting | postings | signed bonuses, minor units |

Clients who are held out count in `entered`, `completed` and `goal` alone, apart. A message's day is that of sending;
where it was not sent, that of queueing. Bonuses are those of lots that the scenario accrued, whoever moved them;
`debt` is what of an accrual repaid a debt at once.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from messaging.services import sms_parts
from scenarios.models import RunLog, ScenarioDay
from scenarios.services import attribution, days

# Messages are found by when they were queued: one waits for quiet hours, a pause, a provider for less than this.
LONGEST_WAY = timedelta(days=7)
LOCK = 0x72657375  # one count at a time


def count_recent(now: datetime, back: int | None = None) -> int:
    """Counts again the last days up to `now` (UTC), each in a transaction of its own; returns how many.

    `back` says how many before today; without it the window of attribution and a week, and whatever no count has
    seen yet. Older days stay as they are: logs may be thinned out, results are not. Doubled, it changes nothing.
    """
    today = days.of(now)
    first = attribution.first_day(now) if back is None else today - timedelta(days=back)
    counted = ScenarioDay.objects.aggregate(last=Max("day"))["last"]
    if counted is None:
        began = RunLog.objects.order_by("pk").values_list("created_at", flat=True).first()
        if began is None:
            return 0
        counted = days.of(began)
    first = min(first, counted)
    for day in (found := days.span(first, today)):
        count(day)
    return len(found)


def count(day: date) -> None:
    """Counts a day of the programme's zone again, and whose its orders are."""
    start, end = days.bounds(day)
    values: dict[str, Any] = {
        "deeds": ["message.opened", "message.clicked", "message.unsubscribed"],
        "day": day, "start": start, "end": end, "queued": start - LONGEST_WAY,
    } | sms_parts.PARAMETERS  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        ScenarioDay.objects.filter(day=day).delete()
        for statement in _FACTS:
            cursor.execute(
                f"""INSERT INTO scenarios_scenarioday (day, scenario_id, step_key, figure, detail, count, amount)
                    SELECT %(day)s, * FROM ({statement}) AS facts""",  # noqa: S608 (fixed texts)
                values,
            )
        attribution.attribute(day)


# Lines before are looked for since the run's entry: in the parts of the log where they can be, no other.
_RUNS = """
WITH line AS (
  SELECT l.id, l.run_id, l.scenario_id, l.kind, l.step_key, l.reason, r.state, r.holdout, r.client_id,
         coalesce(nullif(l.step_key, ''), r.step_key) AS at_step, r.entered_at
  FROM scenarios_runlog l JOIN scenarios_scenariorun r ON r.id = l.run_id
  WHERE l.created_at >= %(start)s AND l.created_at < %(end)s),
ended AS (
  SELECT *, CASE WHEN state IN ('completed', 'goal') THEN state ELSE 'exited' END AS figure
  FROM line WHERE kind = 'ended' OR kind = 'by_hand' AND reason = 'by_hand_finish'),
came AS (
  -- The first line of a run about a step, and the step that it came from.
  SELECT line.*, (SELECT p.step_key FROM scenarios_runlog p
                  WHERE p.run_id = line.run_id AND p.id < line.id AND p.kind = 'step'
                    AND p.created_at >= line.entered_at AND p.created_at < %(end)s
                  ORDER BY p.id DESC LIMIT 1) AS from_step
  FROM line
  WHERE (kind = 'step' OR kind = 'failure' AND reason = 'failed') AND step_key <> '' AND holdout = ''
    AND NOT EXISTS (SELECT FROM scenarios_runlog b WHERE b.run_id = line.run_id AND b.id < line.id
                    AND b.created_at >= line.entered_at AND b.created_at < %(end)s
                    AND b.kind IN ('step', 'failure') AND b.reason <> 'retry' AND b.step_key = line.step_key)),
fact AS (
  SELECT scenario_id, '' AS step_key, 'entered' AS figure, holdout AS detail,
         (NOT EXISTS (SELECT FROM scenarios_scenariorun f WHERE f.scenario_id = line.scenario_id
                      AND f.client_id = line.client_id AND f.entered_at < line.entered_at))::int AS amount
  FROM line WHERE kind = 'entered'
  UNION ALL
  SELECT scenario_id, '', figure, holdout, 0 FROM ended WHERE figure <> 'exited'
  UNION ALL
  SELECT scenario_id, '', figure, reason, 0 FROM ended WHERE figure = 'exited' AND holdout = ''
  UNION ALL
  SELECT scenario_id, at_step, 'exited', reason, 0
  FROM ended WHERE figure <> 'completed' AND at_step <> '' AND holdout = ''
  UNION ALL
  SELECT scenario_id, unnest(ARRAY['', step_key]), 'failed', '', 0
  FROM line WHERE kind = 'failure' AND reason = 'failed' AND step_key <> '' AND holdout = ''
  UNION ALL
  SELECT scenario_id, step_key, 'reached', '', 0 FROM came
  UNION ALL
  SELECT scenario_id, from_step, 'proceeded', '', 0 FROM came WHERE from_step <> ''
  UNION ALL
  SELECT scenario_id, at_step, 'proceeded', '', 0
  FROM ended WHERE figure = 'completed' AND at_step <> '' AND holdout = '')
SELECT scenario_id, step_key, figure, detail, count(*), sum(amount) FROM fact GROUP BY 1, 2, 3, 4
"""

_MESSAGES = f"""
WITH message AS (
  SELECT scenario_id, step_key, channel, status, reason, cost,
         CASE channel WHEN 'sms' THEN {sms_parts.parts_sql("body")} ELSE 1 END AS parts
  FROM messaging_message
  WHERE created_at >= %(queued)s AND created_at < %(end)s AND scenario_id IS NOT NULL AND recipient = 'client'
    AND coalesce(sent_at, created_at) >= %(start)s AND coalesce(sent_at, created_at) < %(end)s),
fact AS (
  SELECT scenario_id, step_key, unnest(ARRAY['sent', 'delivered']) AS figure, channel AS detail,
         unnest(ARRAY[CASE WHEN cost IS NULL THEN parts ELSE 0 END, 0]) AS amount
  FROM message WHERE status IN ('accepted', 'delivered')
  UNION ALL
  SELECT scenario_id, step_key, 'cost', channel, (cost * 10000)::bigint FROM message WHERE cost IS NOT NULL
  UNION ALL
  SELECT scenario_id, step_key, 'withheld', reason, 0 FROM message WHERE status IN ('withheld', 'failed'))
SELECT scenario_id, place, figure, detail, count(*), sum(amount)
FROM fact, unnest(CASE step_key WHEN '' THEN ARRAY[''] ELSE ARRAY['', step_key] END) AS place
GROUP BY 1, 2, 3, 4
"""  # noqa: S608 (fixed texts)

_DEEDS = """
WITH deed AS (
  SELECT e.client_id, e.name, CASE WHEN e.payload ->> 'message' ~ '^[0-9]{1,18}$'
                                   THEN (e.payload ->> 'message')::bigint END AS message_id, min(e.occurred_at) AS at
  FROM loyalty_event e
  WHERE e.occurred_at >= %(start)s AND e.occurred_at < %(end)s AND e.name = ANY(%(deeds)s)
    AND e.client_id IS NOT NULL
  GROUP BY 1, 2, 3)
SELECT m.scenario_id, place, replace(d.name, 'message.', ''), m.channel, count(*), 0
FROM deed d
JOIN messaging_message m ON m.id = d.message_id AND m.client_id = d.client_id AND m.scenario_id IS NOT NULL,
     unnest(CASE m.step_key WHEN '' THEN ARRAY[''] ELSE ARRAY['', m.step_key] END) AS place
WHERE m.recipient = 'client'
  AND NOT EXISTS (SELECT FROM loyalty_event b WHERE b.client_id = d.client_id AND b.name = d.name
                  AND b.occurred_at < %(start)s AND b.payload ->> 'message' = d.message_id::text)
GROUP BY 1, 2, 3, 4
"""

# Everything of a scenario's lots; and, beside lots, what of its own accruals repaid a debt.
_BONUSES = """
SELECT r.scenario_id, '', 'bonuses', CASE WHEN e.lot_id IS NULL THEN 'debt' ELSE o.kind END, count(*), sum(e.amount)
FROM loyalty_bonusoperation o
JOIN loyalty_bonusentry e ON e.operation_id = o.id
LEFT JOIN loyalty_bonuslot l ON l.id = e.lot_id
JOIN loyalty_bonusoperation g ON g.id = coalesce(l.operation_id, o.id)
     AND g.source = 'scenario' AND g.kind = 'accrue' AND g.key ~ '^run:[0-9]{1,18}:'
JOIN scenarios_scenariorun r ON r.id = split_part(g.key, ':', 2)::bigint
WHERE o.posted_at >= %(start)s AND o.posted_at < %(end)s
GROUP BY 1, 4
"""

_FACTS = (_RUNS, _MESSAGES, _DEEDS, _BONUSES)
