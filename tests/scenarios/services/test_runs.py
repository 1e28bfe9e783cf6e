"""What staff do with single runs (semantics §16), and what the Problems page finds (§55)."""

from datetime import timedelta

import pytest

from loyalty.models import UnreadEvent
from messaging.models import Message
from scenarios.engine.advance import BACKOFF, advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, Scenario, ScenarioRun
from scenarios.services import problems, runs
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


def _failed(clients=1):
    """A scenario whose first step fails for want of codes, and its runs, given up."""
    draft, pool, shop = b.scenario(), b.promo_pool(codes=0), b.source()
    b.issue_promo(b.trunk(draft), pool, when_dry="fail")
    b.email(b.trunk(draft))
    b.live(draft)
    for client in b.clients(clients):
        b.record_event(shop, "order.created", client)
    read_events(NOW)
    now = NOW
    for wait in [timedelta(0), *BACKOFF]:
        now += wait
        advance_due(now)
    assert set(ScenarioRun.objects.values_list("state", flat=True)) == {"failed"}
    return draft, pool


def _ids():
    return list(ScenarioRun.objects.values_list("pk", flat=True))


def test_a_failed_run_is_tried_again_with_all_its_tries():
    _failed()

    assert runs.retry(_ids(), "anna", LATER) == 1

    run = ScenarioRun.objects.get()
    assert (run.state, run.failures, run.error, run.due_at) == ("active", 0, "", LATER)
    line = RunLog.objects.filter(kind="by_hand").get()
    assert (line.reason, line.detail) == ("by_hand_retry", "anna")
    advance_due(LATER)
    assert ScenarioRun.objects.get().failures == 1


def test_a_run_goes_past_the_step_that_failed():
    _failed()

    assert runs.skip(_ids(), "anna", LATER) == 1
    advance_due(LATER)

    assert ScenarioRun.objects.get().state == "completed"
    assert Message.objects.count() == 1


def test_a_finished_run_ends_where_it_stands_and_sends_nothing_more():
    _failed()

    assert runs.finish(_ids(), "anna", LATER) == 1
    assert runs.finish(_ids(), "anna", LATER) == 0

    run = ScenarioRun.objects.get()
    assert (run.state, run.reason) == ("exited", "by_hand_finish")


def test_a_client_who_is_inside_again_is_not_brought_back_beside():
    draft, _ = _failed()
    client = ScenarioRun.objects.get().client
    b.record_event(b.source(), "order.created", client, LATER)
    read_events(LATER)
    failed = list(ScenarioRun.objects.filter(state="failed").values_list("pk", flat=True))

    assert runs.retry(failed, "anna", LATER) == 0
    assert runs.skip(failed, "anna", LATER) == 0
    assert ScenarioRun.objects.filter(state="active").count() == 1


def test_verbs_cost_the_same_for_one_and_for_many(django_assert_max_num_queries):
    _failed(30)
    with django_assert_max_num_queries(8):
        runs.retry(_ids(), "anna", LATER)


def test_problems_tell_failed_runs_by_step_and_error():
    draft, pool = _failed(3)

    found = problems.find(LATER)

    assert [(row.scenario, row.count) for row in found.failed] == [(draft, 3)]
    assert "PoolDry" in found.failed[0].error
    assert [row.pk for row in found.pools] == [pool.pk]
    assert len(problems.failed_ids(draft.pk, found.failed[0].step_key, found.failed[0].error)) == 3


def test_problems_tell_texts_that_stopped_rendering_and_channels_that_fail():
    draft, shop = b.scenario(), b.source()
    b.email(b.trunk(draft), body="{{ entry.nothing }}")
    b.sms(b.trunk(draft))
    b.live(draft)
    for client in b.clients(6):
        b.record_event(shop, "order.created", client)
    read_events(NOW)
    advance_due(NOW)
    Message.objects.filter(channel="sms").update(status="failed", error="no route")

    found = problems.find(NOW)

    assert [(row.reason, row.count) for row in found.withheld] == [("render_failed", 6)]
    assert [(row.channel, row.failed, row.attempted, row.error) for row in found.channels] == [
        ("sms", 6, 6, "no route")
    ]
    assert problems.find(NOW + timedelta(days=2)).channels == []


def test_problems_tell_scenarios_that_nobody_enters_any_more():
    draft, shop = b.scenario(), b.source()
    b.sms(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "order.created", b.client())
    read_events(NOW)

    assert problems.find(NOW + timedelta(days=6)).stopped == []
    assert [row.scenario for row in problems.find(NOW + timedelta(days=8)).stopped] == [draft]
    Scenario.objects.update(status="paused")
    assert problems.find(NOW + timedelta(days=8)).stopped == []


def test_nothing_wrong_finds_nothing():
    assert len(problems.find(NOW)) == 0
    event = b.record_event(b.source(), "order.created", b.client())
    UnreadEvent.objects.filter(event=event).update(retry_at=NOW, error="boom")
    assert len(problems.find(NOW)) == 1
