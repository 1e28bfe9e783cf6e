"""The event trigger: what it passes, how long it waits, and what it gathers."""

from datetime import timedelta

import pytest

from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import EntryClock, EventTrigger, RunLog, ScenarioRun
from scenarios.triggers.merging import merged
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def _live(trigger, **values):
    draft = b.scenario(trigger, **values)
    b.sms(b.trunk(draft), body="{{ entry.count | default: 1 }}: {{ entry.amount }}")
    return b.live(draft)


def test_filters_decide_which_events_start_a_run():
    shop, anna = b.source(), b.client()
    row = {"name": "total", "operator": "greater", "value": "1000"}
    _live({"event_name": "order.created", "filters": [row]}, parallel=True)
    for total in ("1000.00", "1000.01"):
        b.record_event(shop, "order.created", anna, payload={"total": total})
    read_events(NOW)
    assert ScenarioRun.objects.count() == 1
    assert not RunLog.objects.filter(kind="refused").exists()


@pytest.mark.parametrize(("unit", "length"), [("minutes", MINUTE), ("hours", 60 * MINUTE), ("days", 1440 * MINUTE)])
def test_a_delay_counts_from_the_event_and_is_over_at_its_last_moment(unit, length):
    shop, anna = b.source(), b.client()
    _live({"event_name": "visit.completed", "delay": 3, "delay_unit": unit})
    b.record_event(shop, "visit.completed", anna, NOW - MINUTE, NOW)
    read_events(NOW)
    due = NOW - MINUTE + 3 * length
    fire_due(due - timedelta(microseconds=1))
    assert not ScenarioRun.objects.exists()
    fire_due(due)
    assert ScenarioRun.objects.get().client == anna


class TestGathering:
    """Several events, one run (T16, T32)."""

    TRIGGER = {"event_name": "bonus.accrued", "merge_minutes": 15}

    def _accrued(self, shop, who, amount, at):
        return b.record_event(shop, "bonus.accrued", who, at, payload={"amount": amount})

    def test_events_within_the_window_of_the_first_start_one_run_that_knows_them_all(self):
        shop, anna, boris = b.source(), b.client(), b.client()
        _live(self.TRIGGER)
        first = self._accrued(shop, anna, 100, NOW)
        read_events(NOW)
        self._accrued(shop, anna, 50, NOW + 14 * MINUTE)
        self._accrued(shop, anna, 7, NOW + 13 * MINUTE)
        self._accrued(shop, boris, 1, NOW + 14 * MINUTE)
        read_events(NOW + 14 * MINUTE)
        assert fire_due(NOW + 15 * MINUTE - timedelta(microseconds=1)) == 0
        assert fire_due(NOW + 15 * MINUTE) == 1
        advance_due(NOW + 15 * MINUTE)
        run = ScenarioRun.objects.get()
        assert (run.client, run.occurrence, run.context["event"]) == (anna, f"event:{first}", first)
        assert [item["amount"] for item in run.context["entry"]["items"]] == [100, 7, 50]
        assert Message.objects.get().body == "3: 157"

    def test_what_happens_after_the_window_starts_a_run_of_its_own(self):
        shop, anna = b.source(), b.client()
        _live(self.TRIGGER, parallel=True)
        for minutes in (0, 16):
            self._accrued(shop, anna, 100, NOW + minutes * MINUTE)
            read_events(NOW + minutes * MINUTE)
            fire_due(NOW + (minutes + 15) * MINUTE)
        assert ScenarioRun.objects.count() == 2

    def test_the_delay_counts_from_the_end_of_the_window(self):
        shop, anna = b.source(), b.client()
        _live(self.TRIGGER | {"delay": 5, "delay_unit": "days"})
        self._accrued(shop, anna, 100, NOW)
        read_events(NOW)
        assert EntryClock.objects.get().due_at == NOW + 15 * MINUTE + timedelta(days=5)

    def test_a_thousand_gathered_events_are_read_in_one_statement(self, django_assert_max_num_queries):
        shop, anna = b.source(), b.client()
        _live(self.TRIGGER)
        for number in range(20):
            self._accrued(shop, anna, number, NOW)
        with django_assert_max_num_queries(8):
            read_events(NOW)
        with django_assert_max_num_queries(9):  # four of them open and close savepoints
            fire_due(NOW + 15 * MINUTE)
        assert ScenarioRun.objects.get().context["entry"]["count"] == 20


def test_merging_sums_amounts_and_puts_lines_together():
    entry = merged([{"total": "10.50", "lines": [1]}, {"total": "4.50", "lines": [2, 3], "currency": "RUB"}])
    assert (entry["total"], entry["lines"], entry["count"], entry["currency"]) == ("15.00", [1, 2, 3], 2, "RUB")
    assert merged([{"amount": "many"}, {"amount": "3"}])["amount"] == "3"  # no sum: the newest one's own
    assert merged([]) == {}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "At once on «Order placed»"),
        ({"delay": 2, "delay_unit": "days"}, "2 days after «Order placed»"),
        (
            {"filters": [{"name": "total", "operator": "less", "value": "5"}], "merge_minutes": 15},
            "At once on «Order placed» (total is less than «5»), gathered for 15 minutes",
        ),
    ],
)
def test_it_says_itself(values, sentence):
    assert EventTrigger(event_name="order.created", **values).sentence() == sentence
