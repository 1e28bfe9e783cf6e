"""Entering: impossible twice, refused with a reason (semantics §4–6, §15, §18)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from loyalty.services.events import record
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.enrol import enrol_segment
from scenarios.engine.listen import read_events
from scenarios.engine.live import live
from scenarios.models import RemoveFromSegment, RunLog, ScenarioRun
from scenarios.services import lifecycle
from scenarios.services.publish import publish
from segments.models import EventCountCondition, Group
from segments.services import membership
from tests import builders as b
from tests.builders import NOW

HOUR = timedelta(hours=1)


def _refusals():
    return list(RunLog.objects.filter(kind="refused").values_list("reason", flat=True))


def _live(**values):
    draft = b.scenario(**values)
    b.wait(b.trunk(draft), 1, "days")
    return b.live(draft)


@pytest.mark.django_db
class TestRules:
    def test_a_client_inside_does_not_enter_again(self):
        shop, anna = b.source(), b.client()
        _live()
        for number in range(2):
            b.record_event(shop, "order.created", anna, NOW + number * HOUR)
            read_events(NOW + number * HOUR)
        assert ScenarioRun.objects.count() == 1
        assert _refusals() == ["inside"]

    def test_parallel_runs_are_allowed_where_the_scenario_says_so(self):
        shop, anna = b.source(), b.client()
        _live(parallel=True)
        for _ in range(2):
            b.record_event(shop, "order.created", anna)
        read_events(NOW)
        assert ScenarioRun.objects.count() == 2

    def test_once_ever_is_once_even_after_the_run_ended(self):
        shop, anna = b.source(), b.client()
        _live(reentry="once")
        b.record_event(shop, "order.created", anna)
        read_events(NOW)
        ScenarioRun.objects.update(state="completed", due_at=None)
        b.record_event(shop, "order.created", anna, NOW + HOUR)
        read_events(NOW + HOUR)
        assert ScenarioRun.objects.count() == 1
        assert _refusals() == ["entered_before"]

    def test_an_interval_between_entries_counts_from_the_last_one(self):
        shop, anna = b.source(), b.client()
        _live(reentry="interval", reentry_days=7)
        for days in (0, 6, 7):
            at = NOW + timedelta(days=days)
            b.record_event(shop, "order.created", anna, at)
            read_events(at)
            ScenarioRun.objects.update(state="completed", due_at=None)
        assert ScenarioRun.objects.count() == 2
        assert _refusals() == ["too_soon"]

    def test_validity_and_cap_bound_the_entries(self):
        shop = b.source()
        _live(starts_at=NOW, ends_at=NOW + HOUR, entry_cap=2)
        for minutes in (-1, 0, 10, 20, 60):
            at = NOW + timedelta(minutes=minutes)
            b.record_event(shop, "order.created", b.client(), at)
            read_events(at)
        assert ScenarioRun.objects.count() == 2
        assert _refusals() == ["not_started", "cap_reached", "ended"]

    def test_conditions_of_the_trigger_decide_and_the_log_says_which(self):
        shop, anna, boris = b.source(), b.client(), b.client()
        draft = b.scenario()
        b.wait(b.trunk(draft))
        trigger = draft.triggers.get()
        trigger.conditions = Group.objects.create()
        trigger.save()
        EventCountCondition.objects.create(parent=trigger.conditions, event_name="order.created", count=2)
        b.live(draft)
        for client in (anna, boris, anna):
            b.record_event(shop, "order.created", client)
        read_events(NOW)
        assert ScenarioRun.objects.get().client == anna
        refusal = RunLog.objects.get(kind="refused", client=boris)
        assert refusal.reason == "conditions"
        assert "at least 2 times" in refusal.detail

    def test_a_chain_of_scenarios_deeper_than_five_is_a_loop(self):
        shop, anna = b.source(), b.client()
        _live()
        b.record_event(shop, "order.created", anna, depth=6)
        read_events(NOW)
        assert _refusals() == ["loop"]

    def test_a_loop_through_segments_ends_by_itself(self):
        anna, ring = b.client(), b.segment("ring")
        draft = b.scenario({"event_name": "segment.entered"})
        b.add(RemoveFromSegment, b.trunk(draft), segment=ring)
        b.live(draft)
        back = b.scenario({"event_name": "segment.left"})
        b.join(b.trunk(back), ring)
        b.live(back)
        membership.add(ring.pk, {anna.pk: 0}, NOW)
        for _ in range(30):
            read_events(NOW)
            advance_due(NOW)
        assert ScenarioRun.objects.count() == 6
        assert _refusals() == ["loop"]

    def test_paused_and_archived_scenarios_take_nobody_in(self):
        shop, anna = b.source(), b.client()
        scenario = _live()
        lifecycle.pause(scenario, NOW)
        b.record_event(shop, "order.created", anna)
        read_events(NOW)
        assert not ScenarioRun.objects.exists()

    def test_a_segment_enters_at_once_and_only_once(self, django_assert_max_num_queries):
        scenario, fans = _live(), b.segment()
        people = b.clients(500, consent=False)
        membership.add(fans.pk, {person.pk: 0 for person in people}, NOW)
        flow = live()[scenario.pk]
        with django_assert_max_num_queries(4):
            assert enrol_segment(flow, fans.pk, "mailing:1", NOW) == 500
        assert enrol_segment(flow, fans.pk, "mailing:1", NOW) == 0
        assert RunLog.objects.filter(kind="entered").count() == 500

    def test_reading_a_thousand_events_takes_a_bounded_number_of_queries(self, django_assert_max_num_queries):
        shop = b.source()
        _live()
        people = b.clients(1000, consent=False)
        b.identify(shop, *people)
        record(shop, [b.happened(shop, "order.created", about=person) for person in people], NOW)
        with django_assert_max_num_queries(12):
            assert read_events(NOW) == 1000
        assert ScenarioRun.objects.count() == 1000


@pytest.mark.django_db
class TestLeaving:
    def test_an_exit_event_ends_the_run_at_once_and_takes_back_what_is_queued(self):
        shop, anna = b.source(), b.client()
        draft = b.scenario({"event_name": "cart.updated"}, exit_events=["order.created"])
        b.email(b.trunk(draft))
        b.wait(b.trunk(draft), 1, "days")
        b.live(draft)
        b.record_event(shop, "cart.updated", anna)
        read_events(NOW)
        advance_due(NOW)
        b.record_event(shop, "order.created", anna, NOW + HOUR)
        read_events(NOW + HOUR)

        run = ScenarioRun.objects.get()
        assert (run.state, run.reason, run.due_at) == ("exited", "exit_event", None)
        message = Message.objects.get()
        assert (message.status, message.reason) == ("withheld", "exit_rule")
        assert RunLog.objects.get(kind="ended").detail == "order.created"

    def test_an_exit_event_that_nobody_has_read_yet_still_stops_the_send(self):
        shop, anna = b.source(), b.client()
        draft = b.scenario({"event_name": "cart.updated"}, exit_events=["order.created"])
        b.email(b.trunk(draft))
        b.live(draft)
        b.record_event(shop, "cart.updated", anna)
        read_events(NOW)
        advance_due(NOW)
        b.record_event(shop, "order.created", anna, NOW + HOUR)
        outbox.send_due(NOW + HOUR)
        assert Message.objects.get().reason == "exit_rule"

    def test_what_happened_before_the_run_was_started_does_not_end_it(self):
        shop, anna = b.source(), b.client()
        draft = b.scenario({"event_name": "cart.updated"}, exit_events=["order.created"])
        b.wait(b.trunk(draft))
        b.live(draft)
        b.record_event(shop, "cart.updated", anna)
        read_events(NOW)
        b.record_event(shop, "order.created", anna, NOW - HOUR, NOW)
        read_events(NOW)
        assert ScenarioRun.objects.get().state == "active"

    def test_pausing_holds_messages_and_resuming_sends_them(self):
        shop, anna = b.source(), b.client()
        draft = b.scenario()
        b.email(b.trunk(draft))
        scenario = b.live(draft)
        b.record_event(shop, "order.created", anna)
        read_events(NOW)
        advance_due(NOW)
        lifecycle.pause(scenario, NOW)
        outbox.send_due(NOW)
        assert Message.objects.get().status == "queued"
        lifecycle.resume(scenario, NOW)
        outbox.send_due(NOW + HOUR)
        assert Message.objects.get().status == "accepted"

    def test_archiving_stops_every_run_and_restoring_revives_none(self):
        shop = b.source()
        scenario = _live()
        for _ in range(3):
            b.record_event(shop, "order.created", b.client())
        read_events(NOW)
        assert lifecycle.archive(scenario, NOW) == 3
        lifecycle.restore(scenario, NOW)
        assert scenario.status == "paused"
        assert set(ScenarioRun.objects.values_list("state", "reason")) == {("exited", "archived")}
        with pytest.raises(lifecycle.WrongState):
            lifecycle.restore(scenario, NOW)


@pytest.mark.django_db
class TestPublishing:
    def test_runs_follow_the_newest_release_by_step_key(self):
        shop, anna = b.source(), b.client()
        draft = b.scenario()
        trunk = b.trunk(draft)
        b.wait(trunk, 1, "hours")
        b.live(draft)
        b.record_event(shop, "order.created", anna)
        read_events(NOW)
        advance_due(NOW)
        b.email(trunk, subject="new")
        publish(draft, None, NOW)
        advance_due(NOW + HOUR)
        assert Message.objects.get().subject == "new"
        assert set(RunLog.objects.filter(step_type="SendMessage").values_list("release", flat=True)) == {2}

    def test_editing_the_draft_changes_nothing_for_runs(self):
        shop, anna = b.source(), b.client()
        draft = b.scenario()
        message = b.email(b.trunk(draft), subject="published")
        b.live(draft)
        message.subject = "draft"
        message.save()
        b.record_event(shop, "order.created", anna)
        read_events(NOW)
        advance_due(NOW)
        assert Message.objects.get().subject == "published"


@pytest.mark.django_db(transaction=True)
def test_the_same_event_twenty_times_at_once_is_one_run():
    shop, anna = b.source(), b.client()
    b.identify(shop, anna)
    _live()
    fact = b.happened(shop, "order.created", about=anna, external_id="same")

    def deliver(_):
        try:
            record(shop, [fact], NOW)
            return read_events(NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        read = list(pool.map(deliver, range(20)))
    assert sum(read) + read_events(NOW) == 1
    assert ScenarioRun.objects.count() == 1
