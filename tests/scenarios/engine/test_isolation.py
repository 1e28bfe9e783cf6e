"""One bad run never blocks its batch (semantics §16)."""

from datetime import timedelta

import pytest
from django.db import connection

from loyalty.models import BonusLot
from scenarios.engine.advance import BACKOFF, advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, ScenarioRun
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def poisonous():
    """Makes the database refuse any lot of one client: a failure that no step can foresee."""

    def poison(client_id):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN IF NEW.client_id = {int(client_id)} THEN RAISE 'poisonous' USING ERRCODE = '23514'; END IF;
                    RETURN NEW; END $$;
                    CREATE TRIGGER poison BEFORE INSERT ON loyalty_bonuslot FOR EACH ROW EXECUTE FUNCTION poison()"""
            )

    yield poison
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS poison ON loyalty_bonuslot; DROP FUNCTION IF EXISTS poison()")


def test_a_poisonous_client_fails_alone_is_retried_and_then_marked(poisonous):
    shop, people = b.source(), b.clients(50)
    draft = b.scenario()
    b.accrue(b.trunk(draft))
    b.live(draft)
    for person in people:
        b.record_event(shop, "order.created", person)
    read_events(NOW)
    bad = people[17]
    poisonous(bad.pk)

    advance_due(NOW)

    assert ScenarioRun.objects.filter(state="completed").count() == 49
    assert BonusLot.objects.count() == 49
    run = ScenarioRun.objects.get(client=bad)
    assert (run.state, run.failures, run.due_at) == ("active", 1, NOW + BACKOFF[0])
    assert "poisonous" in run.error

    later = NOW
    for wait in BACKOFF:
        later += wait
        advance_due(later)
    run.refresh_from_db()
    assert (run.state, run.due_at) == ("failed", None)
    reasons = list(RunLog.objects.filter(kind="failure").order_by("id").values_list("reason", flat=True))
    assert reasons == ["retry"] * len(BACKOFF) + ["failed"]


def test_a_run_that_recovers_forgets_its_failures(poisonous):
    shop, anna = b.source(), b.client()
    draft = b.scenario()
    b.accrue(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "order.created", anna)
    read_events(NOW)
    poisonous(anna.pk)
    advance_due(NOW)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poison ON loyalty_bonuslot")
    advance_due(NOW + timedelta(hours=1))
    run = ScenarioRun.objects.get()
    assert (run.state, run.failures, run.error) == ("completed", 0, "")
    assert BonusLot.objects.count() == 1
