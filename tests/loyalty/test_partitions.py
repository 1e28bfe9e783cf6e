"""Tables in parts by the month: a row always has a place, coming months are made, old ones go at once."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction

from loyalty import partitions

MONDAY = datetime(2031, 1, 31, 21, 30, tzinfo=UTC)


@pytest.fixture
def diary():
    """A small table in parts, with nothing but the part for the rest."""
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE TABLE diary (id bigserial, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
               CREATE TABLE diary_rest PARTITION OF diary DEFAULT"""
        )
        yield "diary"
        cursor.execute("DROP TABLE diary")


def _write(*moments: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO diary (at) SELECT unnest(%s::timestamptz[])", [list(moments)])


def _places() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM diary ORDER BY at")
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.django_db
class TestMonths:
    def test_this_month_and_the_next_three_are_made_and_no_second_time(self, diary):
        made = partitions.make_ahead(diary, "at", MONDAY)
        assert made == [date(2031, 1, 1), date(2031, 2, 1), date(2031, 3, 1), date(2031, 4, 1)]
        assert partitions.make_ahead(diary, "at", MONDAY) == []
        assert list(partitions.months(diary)) == made

    def test_months_begin_at_midnight_utc(self, diary):
        partitions.make_ahead(diary, "at", MONDAY)
        midnight = datetime(2031, 2, 1, tzinfo=UTC)
        _write(midnight - timedelta(microseconds=1), midnight)
        assert _places() == ["diary_2031_01", "diary_2031_02"]

    def test_a_month_without_a_part_takes_rows_all_the_same_and_they_move_when_it_gets_one(self, diary):
        partitions.make_ahead(diary, "at", MONDAY)
        _write(datetime(2031, 5, 5, tzinfo=UTC), datetime(2031, 6, 6, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC))
        assert _places() == ["diary_rest"] * 3
        # Nobody made parts for half a year: those of the months that passed are made too.
        partitions.make_ahead(diary, "at", datetime(2031, 8, 1, tzinfo=UTC))
        assert _places() == ["diary_2031_05", "diary_2031_06", "diary_rest"]

    def test_old_months_go_and_the_rest_stays(self, diary):
        partitions.make_ahead(diary, "at", MONDAY)
        _write(MONDAY, datetime(2031, 2, 2, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
        assert partitions.drop_before(diary, date(2031, 2, 1)) == [date(2031, 1, 1)]
        assert _places() == ["diary_rest", "diary_2031_02"]


@pytest.mark.django_db(transaction=True)
def test_whoever_holds_the_table_is_not_waited_for_long(diary, monkeypatch):
    monkeypatch.setattr(partitions, "PATIENCE", "100ms")
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            _write(MONDAY)
            held.set()
            done.wait(10)
        connection.close()

    writer = threading.Thread(target=hold)
    writer.start()
    held.wait(10)
    assert partitions.make_ahead(diary, "at", MONDAY) == []
    done.set()
    writer.join()
    assert len(partitions.make_ahead(diary, "at", MONDAY)) == 4
    assert _places() == ["diary_2031_01"]
