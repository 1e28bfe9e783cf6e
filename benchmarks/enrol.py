"""`enrol`: a segment of N clients enters a scenario.

The floor is the one statement that writes the same runs and log lines and asks nothing: no re-entry rule, no
occurrence taken before, no reason for those who stay outside.
"""

from datetime import datetime

import psycopg
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from scenarios.engine.enrol import enrol_segment
from scenarios.engine.live import live
from scenarios.models import Scenario
from segments.models import Membership, Segment
from tests import builders

ROUNDS = 3  # each into scenarios of its own
OCCURRENCE = "segment:benchmark"


def run(size: int) -> Result:
    """Enrols the same segment of `size` clients into a new scenario a round, on either side."""
    now = timezone.now()
    segment = _segment(people.make(size, now), now)
    scenarios = [_scenario() for _ in range(2 * ROUNDS)]
    harness.settle()
    flows = live()
    with harness.floor_connection() as database:
        products, floors = harness.rounds(
            ROUNDS,
            lambda n: _product(flows[scenarios[2 * n].pk], segment, size, now),
            lambda n: _floor(database, scenarios[2 * n + 1], segment, size, now),
        )
    return harness.compare("enrol", size, products, floors, size, harness.peak_rss_mb())


def _segment(ids: tuple[int, int], now: datetime) -> Segment:
    made = builders.segment("benchmark")
    people.fill(
        Membership,
        "FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS id",
        {"segment": made.pk, "now": now, "first": ids[0], "last": ids[1]},
        segment_id="%(segment)s",
        client_id="id",
        entered_at="%(now)s",
    )
    return made


def _scenario() -> Scenario:
    made = builders.scenario()
    builders.email(builders.trunk(made))
    return builders.live(made)


def _product(scenario: object, segment: Segment, size: int, now: datetime) -> None:
    entered = enrol_segment(scenario, segment.pk, OCCURRENCE, now)  # type: ignore[arg-type]  # Live
    if entered != size:
        raise SystemExit(f"error: {entered} of {size} clients entered")


def _floor(database: psycopg.Connection, scenario: Scenario, segment: Segment, size: int, now: datetime) -> None:
    first = scenario.live_release.snapshot["steps"][0]["key"]  # type: ignore[union-attr]  # it is published
    with database.transaction():
        written = database.execute(
            """WITH run AS (
                 INSERT INTO scenarios_scenariorun (scenario_id, client_id, occurrence, state, step_key, waiting,
                   visits, due_at, parallel, context, depth, failures, error, reason, entered_at)
                 SELECT %(scenario)s, client_id, %(occurrence)s, 'active', %(first)s, false, 0, %(now)s, false, '{}', 0,
                        0, '', '', %(now)s
                 FROM segments_membership WHERE segment_id = %(segment)s
                 RETURNING id, client_id)
               INSERT INTO scenarios_runlog (scenario_id, client_id, run_id, release, kind, step_key, step_type, reason,
                                             detail, created_at)
               SELECT %(scenario)s, client_id, id, 1, 'entered', '', '', '', %(occurrence)s, %(now)s FROM run""",
            {"scenario": scenario.pk, "occurrence": OCCURRENCE, "first": first, "now": now, "segment": segment.pk},
        ).rowcount
    if written != size:
        raise SystemExit(f"error: the floor wrote {written} of {size} runs")
