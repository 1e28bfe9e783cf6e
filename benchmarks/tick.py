"""`tick`: one tick of the scheduler with nothing due, however many runs wait.

`size` runs wait in `SCENARIOS` active scenarios, one of them on a schedule. A tick is what the jobs do: events, clocks
and due runs are looked for (`pump_once`), and the triggers of time (`scan_due`). The floor asks the same four
questions, each in one statement for all scenarios together. Rates are ticks a second; `p50_ms` and `max_ms` are the
product's.
"""

from datetime import datetime, timedelta
from statistics import median

import psycopg
from django.utils import timezone

from benchmarks import base, harness, people
from benchmarks.harness import Result
from loyalty.models import Client
from scenarios.engine.scan import scan_due
from scenarios.jobs import pump_once
from scenarios.models import Scenario, ScenarioRun, ScheduleTrigger
from tests import builders

SCENARIOS = 20
TICKS = 50
FAR = timedelta(days=30)


def run(size: int) -> Result:
    """Ticks `TICKS` times beside `size` waiting runs (rounded up to as many in every scenario)."""
    now = timezone.now()
    scenarios = [_scenario(now, timed=number == 0) for number in range(SCENARIOS)]
    each = -(-size // SCENARIOS)
    _wait(scenarios, each, now)
    harness.settle()
    with harness.floor_connection() as database:
        database.autocommit = True
        ids = [scenario.pk for scenario in scenarios]
        _product()  # the releases are read once a process
        products, floors = harness.rounds(TICKS, lambda _: _product(), lambda _: _floor(database, ids))
    told = {"p50_ms": median(products) * 1000, "max_ms": max(products) * 1000, "scenarios": SCENARIOS}
    return harness.compare("tick", each * SCENARIOS, products, floors, 1, harness.peak_rss_mb(), **told)


def _scenario(now: datetime, timed: bool) -> Scenario:
    made = builders.scenario()
    if timed:
        ScheduleTrigger.objects.create(scenario=made, starts_on=(now + FAR).date())
    builders.email(builders.trunk(made))
    builders.wait(builders.trunk(made), 30, "days")
    return builders.live(made, now)


def _wait(scenarios: list[Scenario], each: int, now: datetime) -> None:
    """`each` clients stand on the wait of every scenario."""
    harness.say(f"making {each * len(scenarios):,} waiting runs …")
    values = {"number": each, "now": now}
    people.fill(
        Client, "FROM generate_series(1, %(number)s::bigint) AS n", values, created_at="%(now)s", first_name="'Anna'"
    )
    with base.bare(ScenarioRun):
        for scenario in scenarios:
            assert scenario.live_release is not None
            people.fill(
                ScenarioRun,
                "FROM loyalty_client",
                values | {"scenario": scenario.pk, "step": scenario.live_release.snapshot["steps"][1]["key"]},
                scenario_id="%(scenario)s",
                client_id="id",
                occurrence="'benchmark'",
                step_key="%(step)s",
                waiting="true",
                waiting_since="%(now)s",
                waiting_until="%(now)s + interval '30 days'",
                visits="2",
                due_at="%(now)s + interval '1 day' + random() * interval '29 days'",
                entered_at="%(now)s - interval '1 hour'",
            )


def _product() -> None:
    now = timezone.now()
    pumped = pump_once(now)
    if pumped.events or pumped.clocks or pumped.runs or scan_due(now):
        raise SystemExit("error: something was due")


def _floor(database: psycopg.Connection, scenarios: list[int]) -> None:
    """Looks for an event, a clock, a run and a mark that are due."""
    now = timezone.now()
    for query in (
        "SELECT event_id FROM loyalty_unreadevent WHERE retry_at IS NULL OR retry_at <= %(now)s LIMIT 1",
        """SELECT s FROM unnest(%(scenarios)s::bigint[]) AS s
           WHERE EXISTS (SELECT FROM scenarios_entryclock WHERE scenario_id = s AND due_at <= %(now)s)""",
        """SELECT s FROM unnest(%(scenarios)s::bigint[]) AS s
           WHERE EXISTS (SELECT FROM scenarios_scenariorun
                         WHERE scenario_id = s AND state = 'active' AND due_at <= %(now)s)""",
        "SELECT id FROM scenarios_triggerscan WHERE scanned_until < %(now)s AND window_until IS NOT NULL",
    ):
        if database.execute(query, {"now": now, "scenarios": scenarios}).fetchall():
            raise SystemExit("error: something was due")
