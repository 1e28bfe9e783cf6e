"""Letting clients in by hand, and those who match when a scenario is activated (semantics §6)."""

from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone

from loyalty.services import ledger
from loyalty.services.ledger import Grant
from scenarios.models import (
    AbsenceTrigger,
    BurningTrigger,
    DateTrigger,
    EventTrigger,
    ManualTrigger,
    RunLog,
    ScheduleTrigger,
    SegmentTrigger,
    Trigger,
)
from scenarios.services import entering, lifecycle
from segments.models import EventCountCondition, Group
from segments.services import membership
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.get_default_timezone())
DAY = timedelta(days=1)


class TestByHand:
    def test_chosen_clients_enter_once_an_occasion(self):
        people = b.clients(3, consent=False)
        scenario = started_by(ManualTrigger, NOON, parallel=True)
        ids = [person.pk for person in people]
        assert entering.enrol_by_hand(scenario, ids, "sale", NOON) == entering.Entered(3, 0)
        assert entering.enrol_by_hand(scenario, ids, "sale", NOON) == entering.Entered(0, 3)
        assert entering.enrol_by_hand(scenario, ids[:1], "again", NOON) == entering.Entered(1, 0)
        assert {occurrence for _, occurrence in entered()} == {"hand:sale", "hand:again"}

    def test_the_rules_of_entry_stay_in_force(self):
        anna = b.client()
        scenario = started_by(ManualTrigger, NOON, reentry="once")
        for occasion in ("one", "two"):
            entering.enrol_by_hand(scenario, [anna.pk], occasion, NOON)
        assert len(entered()) == 1
        assert RunLog.objects.get(kind="refused").reason == "entered_before"

    def test_a_segment(self):
        fans, people = b.segment(), b.clients(5, consent=False)
        membership.add(fans.pk, {person.pk: 0 for person in people}, NOON)
        scenario = started_by(ManualTrigger, NOON)
        assert entering.enrol_segment_by_hand(scenario, fans.pk, "sale", NOON) == entering.Entered(5, 0)

    def test_a_scenario_that_is_not_active_takes_nobody_in(self):
        scenario = started_by(ManualTrigger, NOON)
        lifecycle.pause(scenario, NOON)
        with pytest.raises(entering.NotActive):
            entering.enrol_by_hand(scenario, [b.client().pk], "sale", NOON)


class TestMatchingNow:
    def _both(self, scenario):
        """How many were promised, and who entered."""
        number = entering.count_matching(list(Trigger.objects.filter(scenario=scenario)), NOON)
        entering.let_matching_in(scenario, NOON)
        scan(NOON + timedelta(seconds=1))
        return number, [client for client, _ in entered()]

    def test_without_being_asked_they_do_not_enter(self):
        b.client(birthday=date(1990, 3, 12))
        started_by(DateTrigger, NOON, side="before", days=7)
        scan(NOON + timedelta(seconds=1))
        assert entered() == []

    def test_birthdays_that_are_near(self):
        near = [b.client(birthday=date(1990, 3, day)) for day in (11, 17)]
        for day in (10, 18):
            b.client(birthday=date(1990, 3, day))
        scenario = started_by(DateTrigger, NOON, side="before", days=7)
        assert self._both(scenario) == (2, [one.pk for one in near])

    def test_who_enters_so_does_not_enter_again_when_the_scan_comes(self):
        b.client(birthday=date(1990, 3, 12))
        scenario = started_by(DateTrigger, NOON - DAY, side="before", days=7, parallel=True)
        self._both(scenario)
        assert self._both(scenario)[0] == 1
        assert len(entered()) == 1

    def test_bonuses_that_burn_soon(self):
        anna, boris = b.client(), b.client()
        for who, days in ((anna, 2), (boris, 9)):
            grant = Grant(who.pk, 10, f"k{who.pk}", NOON - DAY, NOON + days * DAY)
            ledger.accrue_many("test", [grant], NOON - DAY)
        assert self._both(started_by(BurningTrigger, NOON, days=7)) == (1, [anna.pk])

    def test_members_of_a_segment_and_of_a_schedules_audience(self):
        fans, anna = b.segment(), b.client()
        membership.add(fans.pk, {anna.pk: 0}, NOON - DAY)
        assert self._both(started_by(SegmentTrigger, NOON, segment=fans)) == (1, [anna.pk])
        later = started_by(ScheduleTrigger, NOON, segment=fans, starts_on=date(2026, 5, 1))
        assert self._both(later) == (1, [anna.pk, anna.pk])

    def test_carts_that_were_left_already(self):
        shop, left, ordered, busy = b.source(), b.client(), b.client(), b.client()
        for who in (left, ordered):
            b.record_event(shop, "cart.updated", who, NOON - DAY, payload={"cart_token": f"K{who.pk}"})
        b.record_event(shop, "order.created", ordered, NOON - DAY / 2)
        b.record_event(shop, "cart.updated", busy, NOON - timedelta(minutes=5))
        scenario = started_by(AbsenceTrigger, NOON, absent_events=["order.created"])
        assert self._both(scenario) == (1, [left.pk])
        assert entered() == [(left.pk, f"cart:K{left.pk}")]

    def test_conditions_count_too(self):
        shop, fans, anna, boris = b.source(), b.segment(), b.client(), b.client()
        membership.add(fans.pk, {anna.pk: 0, boris.pk: 0}, NOON - DAY)
        b.record_event(shop, "order.created", anna, NOON - DAY)
        group = Group.objects.create()
        EventCountCondition.objects.create(parent=group, event_name="order.created", count=1)
        assert self._both(started_by(SegmentTrigger, NOON, segment=fans, conditions=group)) == (1, [anna.pk])

    def test_an_event_matches_nobody_afterwards(self):
        shop = b.source()
        b.record_event(shop, "order.created", b.client(), NOON - DAY)
        assert entering.count_matching([EventTrigger(event_name="order.created")], NOON) == 0
