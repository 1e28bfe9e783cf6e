"""Scanning what time has made due: nothing lost, nothing twice, at a cost of what is due."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from scenarios.engine.scan import scan_due, zones_in_use
from scenarios.models import DateTrigger, RunLog, ScenarioRun, ScheduleTrigger, TriggerScan
from scenarios.services import lifecycle, publish
from segments.models import EventCountCondition, Group
from segments.services import membership
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

MOSCOW = timezone.get_default_timezone()
NOON = datetime(2026, 3, 10, 12, tzinfo=MOSCOW)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def _daily(since=NOON - HOUR, **values):
    """For everybody, every day at noon of the programme."""
    return started_by(
        ScheduleTrigger, since, **{"starts_on": date(2026, 3, 1), "at": NOON.time(), "repeat": "daily"} | values
    )


@pytest.mark.django_db
class TestScan:
    def test_a_moment_is_due_when_it_has_come_and_not_before(self):
        anna = b.client()
        _daily()
        scan(NOON - timedelta(microseconds=1))
        assert entered() == []
        scan(NOON)
        assert entered() == [(anna.pk, "schedule:2026-03-10T12:00")]

    def test_what_was_due_before_the_publication_is_not_caught_up(self):
        b.client()
        _daily(since=NOON)
        scan(NOON + HOUR)
        assert entered() == []

    def test_scanning_again_changes_nothing(self):
        b.client()
        _daily()
        assert scan(NOON) == 1
        assert scan(NOON) == scan(NOON + HOUR) == 0
        assert ScenarioRun.objects.count() == 1
        assert not RunLog.objects.filter(kind="refused").exists()

    def test_a_scan_that_lost_its_mark_is_refused_by_the_occurrence(self):
        b.client()
        _daily(parallel=True)
        scan(NOON)
        TriggerScan.objects.update(scanned_until=NOON - HOUR)
        scan(NOON + MINUTE)
        assert ScenarioRun.objects.count() == 1
        assert RunLog.objects.get(kind="refused").reason == "entered_before"

    def test_batches_go_on_where_the_last_one_ended(self):
        people = b.clients(25, consent=False)
        _daily()
        for batch in (10, 10, 5):
            assert scan_due(NOON, limit=10) == batch
        assert scan_due(NOON, limit=10) == 0
        assert {client for client, _ in entered()} == {person.pk for person in people}
        assert TriggerScan.objects.get().scanned_until == NOON

    def test_a_window_in_work_is_finished_before_the_next_begins(self):
        b.clients(3, consent=False)
        _daily(parallel=True)
        scan_due(NOON, limit=2)
        scan(NOON + DAY, limit=2)
        assert len(entered()) == 6

    def test_downtime_is_caught_up_for_a_day_and_no_longer(self, settings):
        b.client()
        _daily(parallel=True)
        scan(NOON + 2 * DAY + HOUR)
        assert [occurrence for _, occurrence in entered()] == ["schedule:2026-03-12T12:00"]

    def test_the_limit_of_catching_up_is_a_setting(self, settings):
        settings.SCAN_CATCH_UP = timedelta(hours=72)
        b.client()
        _daily(parallel=True)
        scan(NOON + 2 * DAY + HOUR)
        assert len(entered()) == 3

    def test_what_came_due_while_the_scenario_was_paused_enters_no_more(self):
        b.client()
        scenario = _daily()
        lifecycle.pause(scenario, NOON - MINUTE)
        scan(NOON)
        lifecycle.resume(scenario, NOON + MINUTE)
        scan(NOON + HOUR)
        assert entered() == []
        scan(NOON + DAY)
        assert len(entered()) == 1

    def test_a_new_release_keeps_the_mark_of_a_trigger_and_drops_that_of_a_removed_one(self):
        b.client()
        scenario = _daily()
        publish.publish(scenario, None, NOON + MINUTE)
        scan(NOON + 2 * MINUTE)
        assert len(entered()) == 1
        scenario.triggers.all().delete()
        b.scenario()
        ScheduleTrigger.objects.create(scenario=scenario, starts_on=date(2026, 3, 11))
        publish.publish(scenario, None, NOON + HOUR)
        assert TriggerScan.objects.get().scanned_until == NOON + HOUR

    def test_one_bad_trigger_does_not_stop_the_others(self, monkeypatch):
        b.client(birthday=date(1990, 3, 10))
        _daily()
        broken = started_by(DateTrigger, NOON - HOUR, at=NOON.time())
        monkeypatch.setattr(DateTrigger, "due", lambda *_: 1 / 0)
        scan(NOON)
        assert len(entered()) == 1
        assert "ZeroDivisionError" in TriggerScan.objects.get(scenario=broken).error

    def test_conditions_choose_the_audience_of_a_schedule_without_a_line_for_everybody_else(self):
        shop, anna = b.source(), b.client()
        b.client()
        b.record_event(shop, "order.created", anna, NOON - DAY)
        group = Group.objects.create()
        EventCountCondition.objects.create(parent=group, event_name="order.created", count=1)
        _daily(conditions=group)
        scan(NOON)
        assert [client for client, _ in entered()] == [anna.pk]
        assert not RunLog.objects.filter(kind="refused").exists()

    def test_a_tick_with_nothing_due_asks_three_questions_whatever_there_is(self, django_assert_max_num_queries):
        b.clients(50, consent=False)
        for _ in range(5):
            _daily()
        scan(NOON - 2 * MINUTE)  # the releases are read once a process
        with django_assert_max_num_queries(3):
            assert scan_due(NOON - MINUTE) == 0

    def test_the_mark_of_an_idle_trigger_moves_once_an_hour(self):
        _daily()
        scan(NOON - MINUTE)
        assert TriggerScan.objects.get().scanned_until == NOON - HOUR
        scan(NOON - HOUR + DAY - MINUTE)
        assert TriggerScan.objects.get().scanned_until == NOON - HOUR + DAY - MINUTE

    def test_a_thousand_clients_take_a_bounded_number_of_queries(self, django_assert_max_num_queries):
        b.clients(1000, consent=False)
        _daily()
        with django_assert_max_num_queries(14):
            assert scan_due(NOON) == 1000
        assert ScenarioRun.objects.count() == 1000

    def test_zones_in_use_are_found_by_steps_through_an_index(self):
        b.clients(3, consent=False)
        for zone in ("Asia/Omsk", "Asia/Omsk", "America/New_York"):
            b.client(zone=zone)
        assert zones_in_use() == ["America/New_York", "Asia/Omsk", "Europe/Moscow"]


@pytest.mark.django_db(transaction=True)
def test_eight_scans_at_once_enrol_everybody_once():
    fans, people = b.segment(), b.clients(300, consent=False)
    membership.add(fans.pk, {person.pk: 0 for person in people}, NOON)
    _daily(segment=fans)

    def work(_):
        try:
            return scan(NOON, 50)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    scan(NOON, 50)
    assert ScenarioRun.objects.count() == RunLog.objects.count() == 300
