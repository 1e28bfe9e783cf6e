"""`results`: the results of one day of one scenario, counted from at least `size` facts.

The facts are what a mailing to `size / 4` clients leaves in a day: for every client an entry, a step and an end in the
log and a message; for every other one an opening; for every fifth a click and an order. The product is the nightly
count of that day (`daily.count`): the funnel, the messages, the deeds, the bonuses, and whose the orders
are. The floor reads the same rows once, each table by one statement, and writes as many sums.
"""

from datetime import datetime, timedelta

import psycopg
from django.db import connection, transaction

from benchmarks import harness, people
from benchmarks.harness import Result
from loyalty.models import Client, Event, Order, Source
from messaging.models import Message
from scenarios.models import RunLog, ScenarioDay, ScenarioRun
from scenarios.services import daily, days
from tests import builders

ROUNDS = 3
NOON = builders.NOW
EACH = 4  # facts of a client, at least


def run(size: int) -> Result:
    """Counts the day `ROUNDS` times over, as every night does."""
    clients = max(size // EACH, 10)
    day, facts = days.of(NOON), _make(clients)
    harness.settle()
    with harness.floor_connection() as database:
        database.autocommit = True
        products, floors = harness.rounds(ROUNDS, lambda _: daily.count(day), lambda _: _floor(database, NOON))
    entered = ScenarioDay.objects.get(figure="entered", step_key="", day=day).count
    if entered != clients:
        raise RuntimeError(f"entered: {entered} of {clients} were counted")
    return harness.compare("results", facts, products, floors, facts, harness.peak_rss_mb(), clients=clients)


def _make(clients: int) -> int:
    """Makes the day; returns how many facts it holds."""
    harness.say(f"making a day of {clients:,} clients …")
    scenario = builders.scenario()
    step = builders.email(builders.trunk(scenario))
    builders.live(scenario, NOON - timedelta(days=1))
    source = Source.objects.create(kind=Source.Kind.SHOP, slug="day", name="day", currency="RUB")
    values = {"n": clients, "now": NOON, "scenario": scenario.pk, "step": step.key, "source": source.pk}
    with transaction.atomic():
        people.fill(Client, "FROM generate_series(1, %(n)s::bigint) AS n", values, created_at="%(now)s")
        people.fill(
            ScenarioRun, "FROM loyalty_client", values, scenario_id="%(scenario)s", client_id="id",
            occurrence="'day'", state="'completed'", step_key="%(step)s", visits="1", entered_at="%(now)s",
            finished_at="%(now)s",
        )  # fmt: skip
        people.fill(
            Message, "FROM scenarios_scenariorun", values, client_id="client_id", scenario_id="scenario_id",
            run_id="id", step_key="%(step)s", channel="'email'", topic="'marketing'", status="'accepted'",
            due_at="%(now)s", created_at="%(now)s", sent_at="%(now)s",
        )  # fmt: skip
        for kind, key in (("entered", ""), ("step", step.key), ("ended", step.key)):
            people.fill(
                RunLog, "FROM scenarios_scenariorun", values | {"kind": kind, "key": key}, scenario_id="scenario_id",
                client_id="client_id", run_id="id", kind="%(kind)s", step_key="%(key)s", created_at="%(now)s",
            )  # fmt: skip
        for name, every in (("message.opened", 2), ("message.clicked", 5)):
            people.fill(
                Event, "FROM messaging_message WHERE id %% %(every)s::int = 0",
                values | {"name": name, "every": every}, source_id="%(source)s", external_id="%(name)s || ':' || id",
                name="%(name)s", client_id="client_id", occurred_at="%(now)s + interval '1 minute'",
                received_at="%(now)s", payload="jsonb_build_object('message', id)",
            )  # fmt: skip
        people.fill(
            Order, "FROM messaging_message WHERE id %% 5 = 0", values, source_id="%(source)s",
            external_id="'o' || id", client_id="client_id", status="'paid'", currency="'RUB'", total="100000",
            ordered_at="%(now)s + interval '1 hour'", paid_at="%(now)s + interval '1 hour'",
            changed_at="%(now)s",
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT (SELECT count(*) FROM scenarios_runlog) + (SELECT count(*) FROM messaging_message)
                      + (SELECT count(*) FROM loyalty_event) + (SELECT count(*) FROM loyalty_order)"""
        )
        return int(cursor.fetchone()[0])


_READS = (
    """SELECT kind, step_key, reason, count(*) FROM scenarios_runlog
       WHERE created_at >= %s AND created_at < %s GROUP BY 1, 2, 3""",
    """SELECT step_key, channel, status, count(*) FROM messaging_message
       WHERE created_at >= %s AND created_at < %s GROUP BY 1, 2, 3""",
    """SELECT name, '', '', count(*) FROM loyalty_event
       WHERE occurred_at >= %s AND occurred_at < %s GROUP BY 1""",
    """SELECT status, '', '', count(*) FROM loyalty_order
       WHERE ordered_at >= %s AND ordered_at < %s GROUP BY 1""",
)


def _floor(database: psycopg.Connection, noon: datetime) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS benchmark_day (a text, b text, c text, n bigint)")
    database.execute("TRUNCATE benchmark_day")
    bounds = (noon - timedelta(hours=12), noon + timedelta(hours=12))
    for read in _READS:
        database.execute(f"INSERT INTO benchmark_day {read}", bounds)  # noqa: S608 (fixed texts)
