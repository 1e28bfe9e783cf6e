"""Whose order it is: the last click, else the last message sent, inside the programme's window (semantics §49).

An order belongs to one message of all scenarios. Other scenarios whose messages the client was sent, or clicked,
inside the window before it are noted as having assisted. The moment is that of ordering, whenever it was paid.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from loyalty.services import programme
from scenarios.services.days import bounds

# Orders that count at all; what of them is left is `NET_SQL`.
PAID_SQL = "o.paid_at IS NOT NULL AND o.status IN ('paid', 'part_refunded')"
NET_SQL = "greatest(o.total - o.refunded, 0)"


def attribute(day: date) -> int:
    """Decides anew whose the orders of a day of the programme's zone are; returns how many belong to somebody.

    Doubled, it finds the same. Orders that were paid and came back stay known: their money is 0 (`NET_SQL`).
    """
    start, end = bounds(day)
    values: dict[str, Any] = {
        "day": day, "start": start, "end": end, "window": timedelta(days=programme.current().attribution_days),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        # Also those of orders that were told to be of another day before.
        cursor.execute(
            """DELETE FROM scenarios_attribution
               WHERE day = %(day)s OR order_id IN (
                 SELECT id FROM loyalty_order WHERE ordered_at >= %(start)s AND ordered_at < %(end)s)""",
            values,
        )
        cursor.execute(_ATTRIBUTE, values)
        cursor.execute("SELECT count(*) FROM scenarios_attribution WHERE day = %(day)s AND owner", values)
        return int(cursor.fetchone()[0])


_ATTRIBUTE = """
WITH o AS (
  SELECT id, client_id, ordered_at FROM loyalty_order
  WHERE ordered_at >= %(start)s AND ordered_at < %(end)s AND paid_at IS NOT NULL AND client_id IS NOT NULL),
touched AS (
  SELECT o.id AS order_id, m.id, m.scenario_id, m.step_key, 'click' AS touch, e.occurred_at AS at
  FROM o
  JOIN loyalty_event e ON e.client_id = o.client_id AND e.name = 'message.clicked'
       AND e.occurred_at > o.ordered_at - %(window)s AND e.occurred_at <= o.ordered_at
  JOIN messaging_message m ON m.client_id = o.client_id
       AND m.id = CASE WHEN e.payload ->> 'message' ~ '^[0-9]{1,18}$' THEN (e.payload ->> 'message')::bigint END
  WHERE m.scenario_id IS NOT NULL AND m.recipient = 'client'
  UNION ALL
  SELECT o.id, m.id, m.scenario_id, m.step_key, 'message', m.sent_at
  FROM o
  JOIN messaging_message m ON m.client_id = o.client_id AND m.status IN ('accepted', 'delivered')
       AND m.sent_at > o.ordered_at - %(window)s AND m.sent_at <= o.ordered_at
  WHERE m.scenario_id IS NOT NULL AND m.recipient = 'client'),
ranked AS (
  SELECT *, row_number() OVER whole AS place, row_number() OVER own AS of_scenario
  FROM touched
  WINDOW whole AS (PARTITION BY order_id ORDER BY touch, at DESC, id DESC),
         own AS (PARTITION BY order_id, scenario_id ORDER BY touch, at DESC, id DESC))
INSERT INTO scenarios_attribution (order_id, scenario_id, owner, touch, message_id, step_key, day)
SELECT order_id, scenario_id, place = 1, touch, id, step_key, %(day)s FROM ranked WHERE of_scenario = 1
"""


def first_day(now: datetime) -> date:
    """The earliest day whose orders what happens at `now` may still concern: the window, and a week for late news."""
    return now.astimezone(programme.zone()).date() - timedelta(days=programme.current().attribution_days + 7)
