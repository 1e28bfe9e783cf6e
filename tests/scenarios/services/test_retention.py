"""The log lies in parts by the month; old months and finished work go, whatever a rule still needs stays."""

import json
from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from loyalty import partitions
from loyalty.services import ledger, programme
from loyalty.services.events import record
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import Rehearsal, RunLog, ScenarioDay, ScenarioRun
from scenarios.services import retention
from tests import builders as b

# Far from the months that the migration made.
NOW = datetime(2032, 8, 15, 9, tzinfo=UTC)
TODAY = NOW.date()
LOG = retention.LOG


def _counted(scenario, day=TODAY):
    """The nightly count has been here."""
    ScenarioDay.objects.create(scenario=scenario, day=day, figure="entered", count=1, amount=1)


def _keep(months: int) -> None:
    settings = programme.current()
    settings.log_months = months
    settings.save()


def _line(scenario, client, at, **values) -> RunLog:
    values = {"kind": "step", "step_key": "s"} | values
    return RunLog.objects.create(scenario=scenario, client=client, created_at=at, **values)


def _run(scenario, client, at, state="completed", **values) -> ScenarioRun:
    values = {"occurrence": f"at:{at.isoformat()}", "entered_at": at, "finished_at": at, "context": {}} | values
    return ScenarioRun.objects.create(scenario=scenario, client=client, state=state, **values)


def _thin_out() -> int:
    return sum(retention.thin_out(NOW))


@pytest.mark.django_db
class TestMonthsOfTheLog:
    def test_the_months_ahead_are_there(self):
        retention.part_log(NOW)
        assert set(partitions.months(LOG)) >= {date(2032, month, 1) for month in (8, 9, 10, 11)}

    def test_a_line_of_any_time_finds_its_place(self):
        anna, scenario = b.client(), b.scenario()
        for year in (1999, 2026, 2090):
            _line(scenario, anna, datetime(year, 6, 1, tzinfo=UTC))
        assert RunLog.objects.count() == 3
        assert len({line.pk for line in RunLog.objects.all()}) == 3

    @pytest.mark.parametrize(("months", "first"), [(0, None), (1, date(2032, 7, 1)), (12, date(2031, 8, 1))])
    def test_so_many_whole_months_are_kept_beside_the_current_one(self, months, first):
        _counted(b.scenario())
        _keep(months)
        kept = retention.kept_since(NOW)
        assert (kept and kept.date()) == first

    def test_results_are_counted_before_their_log_goes(self):
        _keep(1)
        assert retention.kept_since(NOW) is None
        _counted(b.scenario(), date(2032, 3, 10))
        assert retention.kept_since(NOW).date() == date(2032, 3, 1)

    def test_the_window_of_attribution_is_kept(self):
        settings = programme.current()
        settings.attribution_days = 90
        settings.save()
        _counted(b.scenario())
        _keep(1)
        assert retention.kept_since(NOW).date() == date(2032, 5, 1)

    def test_old_months_go_with_their_lines(self):
        anna, scenario = b.client(), b.scenario()
        partitions.make_ahead(LOG, "created_at", NOW - timedelta(days=60))
        _line(scenario, anna, NOW - timedelta(days=60))
        kept = _line(scenario, anna, NOW)
        _counted(scenario)
        _keep(1)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as after a commit
        retention.part_log(NOW)
        assert list(RunLog.objects.values_list("pk", flat=True)) == [kept.pk]
        assert date(2032, 6, 1) not in partitions.months(LOG)
        assert min(partitions.months(LOG)) == date(2032, 7, 1)


@pytest.mark.django_db
class TestFinishedRuns:
    OLD = (300, 250, 200, 150)

    def _scene(self, **values):
        scenario = b.scenario(**values)
        _counted(scenario)
        _keep(2)
        anna = b.client()
        return scenario, anna, [_run(scenario, anna, NOW - timedelta(days=days)) for days in self.OLD]

    def _left(self, runs):
        known = set(ScenarioRun.objects.values_list("pk", flat=True))
        return [run.pk in known for run in runs]

    def test_the_first_and_the_last_of_a_client_stay(self):
        _, _, runs = self._scene()
        assert _thin_out() == 2
        assert self._left(runs) == [True, False, False, True]

    def test_nothing_goes_while_the_log_is_kept_for_ever(self):
        _, _, runs = self._scene()
        _keep(0)
        assert _thin_out() == 0
        assert self._left(runs) == [True] * 4

    @pytest.mark.parametrize(
        "rule", [{"reentry": "once"}, {"entry_cap": 9}, {"client_cap": 9}, {"kind": "chain"}], ids=str
    )
    def test_what_an_entry_rule_counts_stays(self, rule):
        _, _, runs = self._scene(**rule)
        assert _thin_out() == 0
        assert all(self._left(runs))

    def test_the_published_rule_counts_as_much_as_the_draft(self):
        scenario, _, runs = self._scene(client_cap=9)
        b.email(b.trunk(scenario))
        b.live(scenario)
        scenario.client_cap = None
        scenario.save()
        assert _thin_out() == 0
        assert all(self._left(runs))

    def test_runs_that_are_inside_that_are_logged_and_that_gave_bonuses_stay(self):
        scenario, anna, runs = self._scene()
        inside = _run(scenario, anna, NOW - timedelta(days=220), "active", due_at=NOW, finished_at=None)
        logged = _run(scenario, anna, NOW - timedelta(days=210))
        _line(scenario, anna, NOW, run=logged)
        paid = _run(scenario, anna, NOW - timedelta(days=205))
        # Another's bonuses, though its number begins with the same digits, hold nobody.
        keys = [f"run:{paid.pk}:step:1", f"run:{runs[1].pk}9:step:1"]
        ledger.accrue_many("scenario", [ledger.Grant(anna.pk, 100, key, NOW) for key in keys], NOW)
        assert _thin_out() == 2
        assert self._left([*runs, inside, logged, paid]) == [True, False, False, True, True, True, True]

    def test_it_goes_in_small_batches(self, monkeypatch):
        scenario, anna, _ = self._scene()
        for days in range(151, 160):
            _run(scenario, anna, NOW - timedelta(days=days))
        monkeypatch.setattr(retention, "BATCH", 4)
        monkeypatch.setattr(retention, "SLICE", 10**9)
        assert list(retention.thin_out(NOW)) == [4, 4, 3]

    def test_old_rehearsals_go(self):
        scenario, _, _ = self._scene()
        for days in (10, 200):
            Rehearsal.objects.create(scenario=scenario, ordered_at=NOW, finished_at=NOW - timedelta(days=days))
        _thin_out()
        assert Rehearsal.objects.count() == 1


@pytest.mark.django_db
def test_a_client_enters_by_the_same_rules_after_the_cleaning():
    shop, scenario = b.source(), b.scenario(reentry="interval", reentry_days=400)
    b.email(b.trunk(scenario))
    b.live(scenario, NOW - timedelta(days=500))
    anna = b.client()
    b.identify(shop, anna)
    _counted(scenario)
    _keep(1)
    for days in (1000, 900, 300):
        _run(scenario, anna, NOW - timedelta(days=days))
    assert _thin_out() == 1
    record(shop, [b.happened(shop, "order.created", NOW, about=anna)], NOW)
    read_events(NOW)
    advance_due(NOW)
    assert RunLog.objects.get(kind="refused").reason == "too_soon"


def _plan(sql: str, values: list) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        return json.dumps(cursor.fetchone()[0])


@pytest.mark.django_db
class TestReading:
    """What reads the log reads the months that it asks for, and by an index."""

    @pytest.fixture(autouse=True)
    def months(self):
        partitions.make_ahead(LOG, "created_at", NOW)
        with connection.cursor() as cursor:
            # The tables are all but empty: what is asked is whether an index can answer.
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")

    def test_a_day_reads_its_month(self):
        plan = _plan(
            "SELECT 1 FROM scenarios_runlog WHERE created_at >= %s AND created_at < %s", [NOW, NOW + timedelta(days=1)]
        )
        assert "scenarios_runlog_2032_08" in plan
        assert "scenarios_runlog_2032_09" not in plan
        assert "scenarios_runlog_rest" not in plan

    @pytest.mark.parametrize(
        "page", [{}, {"scenario": 1}, {"client": 1}, {"kind": "failure"}, {"run": 1}], ids=lambda page: "".join(page)
    )
    def test_a_page_of_the_log_comes_from_indexes_newest_first(self, page):
        query = RunLog.objects.filter(**page).order_by("-pk")[:100].query
        sql, values = query.sql_with_params()
        plan = _plan(sql, list(values))
        assert "Merge Append" in plan
        assert "Seq Scan" not in plan
        assert '"Sort"' not in plan


@pytest.mark.django_db
def test_the_migration_moves_what_is_there():
    migration = import_module("scenarios.migrations.0400_log_by_months")
    anna, scenario = b.client(), b.scenario()
    run = _run(scenario, anna, NOW)
    with connection.schema_editor() as editor, connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        migration.join(apps, editor)
        lines = [
            _line(scenario, anna, at, run=run, branch="b", bonuses=7).pk
            for at in (datetime(2025, 1, 31, 23, 59, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC), NOW)
        ]
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        migration.split(apps, editor)
        cursor.execute("SELECT id, tableoid::regclass::text FROM scenarios_runlog ORDER BY id")
        places = cursor.fetchall()
        cursor.execute(
            """SELECT count(*) FILTER (WHERE contype = 'f'), count(*) FILTER (WHERE contype = 'c')
               FROM pg_constraint WHERE conrelid = 'scenarios_runlog'::regclass"""
        )
        assert cursor.fetchone() == (5, 1)
    assert places == [
        (lines[0], "scenarios_runlog_2025_01"),
        (lines[1], "scenarios_runlog_2025_02"),
        (lines[2], "scenarios_runlog_rest"),
    ]
    assert _line(scenario, anna, NOW).pk > lines[2]
    kept = RunLog.objects.get(pk=lines[0])
    assert (kept.branch, kept.bonuses, kept.run) == ("b", 7, run)
