"""What the tests of steps share: clients who walk a scenario of one or a few steps."""

import pytest

from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import ScenarioRun
from tests import builders as b
from tests.builders import NOW


@pytest.fixture
def walk():
    """Publishes a draft, lets the clients enter by an order, and walks them as far as they go at NOW."""

    def walk(draft, *people, payload=None):
        shop = b.source()
        b.live(draft)
        for person in people:
            b.record_event(shop, "order.created", person, payload=payload or {})
        read_events(NOW)
        advance_due(NOW)
        return shop

    return walk


@pytest.fixture
def again():
    """Walks the same visit of a run once more, as after a crash that lost only the run's own position."""

    def again():
        runs = ScenarioRun.objects.all()
        first = runs.get().scenario.live_release.snapshot["steps"][0]["key"]
        runs.update(state="active", step_key=first, visits=0, waiting=False, due_at=NOW, finished_at=None)
        advance_due(NOW)

    return again
