"""RFM snapshots: taken once when due, scores written, moves told once (semantics §46, docs/rfm.md)."""

import threading
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from loyalty.models import Client, Event, UnreadEvent
from segments.models import RfmScore, RfmSettings, RfmSnapshot
from segments.services import rfm
from tests import builders as b
from tests.builders import NOW
from tests.segments.rfm_shop import base, buyer, order

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MOSCOW = ZoneInfo("Europe/Moscow")


def take(asof=NOW, **rules):
    return rfm.keep(asof, RfmSettings(**rules), asof, MOSCOW)


def groups():
    return {score.client_id: str(score.group) for score in RfmScore.objects.all()}


def told():
    """(client, from, to) of the events, and how many of them start scenarios."""
    events = Event.objects.filter(name="rfm.changed").order_by("pk")
    return [(e.client_id, e.payload["from"], e.payload["to"]) for e in events], UnreadEvent.objects.filter(
        event__name="rfm.changed"
    ).count()


def test_the_first_snapshot_scores_buyers_alone_and_tells_nobody():
    best, second, middle, fourth, worst = base()
    b.client()
    snapshot = take()
    assert groups() == {
        best.pk: "champions",
        second.pk: "loyal",
        middle.pk: "need_attention",
        fourth.pk: "hibernating",
        worst.pk: "hibernating",
    }
    score = RfmScore.objects.get(client=best)
    assert (score.r, score.f, score.m, score.frequency, score.monetary) == (5, 5, 5, 9, 9000_00)
    assert (score.last_at, score.since) == (NOW - DAY, NOW)
    assert (snapshot.first, snapshot.moves, snapshot.buyers) == (True, [], 5)
    assert told() == ([], 0)


def test_a_snapshot_keeps_its_rules_and_boundaries():
    base()
    take(window_days=365, ties="first")
    kept = RfmSnapshot.objects.get()
    assert (kept.asof, kept.window_days, kept.ties, kept.zero_spend) == (NOW, 365, "first", "ignore")
    assert (kept.zone, kept.currency) == ("Europe/Moscow", "RUB")
    assert kept.cuts["r"] == [17, 33, 49, 65]
    assert kept.ranges["r"] == [[81, 81], [61, 61], [41, 41], [21, 21], [1, 1]]
    assert kept.cells == [[1, 1, 1, 5 * 600_00], [2, 2, 1, 6 * 700_00], [3, 3, 1, 7 * 800_00],
                          [4, 4, 1, 8 * 900_00], [5, 5, 1, 9 * 1000_00]]  # fmt: skip


def test_who_moved_is_told_from_where_to_where_and_the_snapshot_counts_it():
    worst = base()[-1]
    take()
    order(worst, NOW + DAY)
    newcomer = buyer(now=NOW + 2 * DAY)
    snapshot = take(NOW + 2 * DAY)
    moved, starting = told()
    assert (worst.pk, "hibernating", groups()[worst.pk]) in moved
    assert (newcomer.pk, None, groups()[newcomer.pk]) in moved
    assert starting == len(moved) == sum(number for _, _, number in snapshot.moves)
    assert ["", groups()[newcomer.pk], 1] in [list(move) for move in snapshot.moves]
    event = Event.objects.get(name="rfm.changed", client=worst)
    assert event.external_id == f"rfm:2026-03-12:{worst.pk}"
    assert event.payload["from_cell"] == "11"
    assert RfmScore.objects.get(client=worst).since == NOW + 2 * DAY
    assert RfmScore.objects.get(client=worst).last_at == NOW + DAY


def test_the_picture_of_the_rows_is_that_of_a_fresh_computation():
    people = base()
    take()
    order(people[4], NOW + DAY, 5000_00)
    for order_ in people[0].order_set.all():
        order_.delete()
    take(NOW + 2 * DAY)
    grown = set(RfmScore.objects.values_list("client", "r", "f", "m", "last_at", "frequency", "monetary"))
    RfmScore.objects.all().delete()
    take(NOW + 2 * DAY + timedelta(microseconds=1))
    assert grown == set(RfmScore.objects.values_list("client", "r", "f", "m", "last_at", "frequency", "monetary"))


def test_who_is_no_buyer_any_more_has_no_score_and_is_told():
    gone = base()[-1]
    take(window_days=100)
    take(NOW + 20 * DAY, window_days=100)
    assert not RfmScore.objects.filter(client=gone).exists()
    assert (gone.pk, "hibernating", None) in told()[0]


def test_nobody_who_stays_is_told_and_their_row_is_not_written():
    base()
    take()
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_id, ctid, xmin FROM segments_rfmscore ORDER BY 1")
        before = cursor.fetchall()
        # A day later everybody's days grew alike, so nobody's score changed.
        assert take(NOW + DAY).moves == []
        cursor.execute("SELECT client_id, ctid, xmin FROM segments_rfmscore ORDER BY 1")
        assert cursor.fetchall() == before
    assert told() == ([], 0)


def test_moves_because_the_rules_changed_are_history_but_start_nothing():
    for _ in range(5):
        buyer()
    take()
    snapshot = take(NOW + DAY, ties="first")
    moved, starting = told()
    assert snapshot.rules_changed
    assert moved
    assert starting == 0


def test_a_first_score_from_imported_orders_starts_nothing():
    base()
    take()
    imported, regular = buyer(now=NOW + DAY, history=True), buyer(now=NOW + DAY)
    take(NOW + DAY)
    assert {imported.pk, regular.pk} <= {client for client, _, _ in told()[0]}
    waiting = UnreadEvent.objects.filter(event__name="rfm.changed").values_list("event__client", flat=True)
    assert regular.pk in waiting
    assert imported.pk not in waiting


def test_a_merged_client_leaves_without_a_word():
    guest = base()[0]
    into = b.client()
    take()
    guest.order_set.update(client=into)
    Client.objects.filter(pk=guest.pk).update(merged_into=into)
    take(NOW + DAY)
    assert guest.pk not in groups()
    assert guest.pk not in {client for client, _, _ in told()[0]}
    assert (into.pk, None, "champions") in told()[0]


def test_a_snapshot_of_the_past_is_refused():
    take()
    with pytest.raises(ValueError, match="not before"):
        take(NOW - DAY)


def test_two_moves_on_one_day_are_one_event():
    person = base()[-1]
    take()
    order(person, NOW + timedelta(minutes=1))
    take(NOW + timedelta(hours=1))
    person.order_set.all().delete()
    take(NOW + timedelta(hours=2))
    assert [event for event in told()[0] if event[0] == person.pk] == [(person.pk, "hibernating", "new")]


# When -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "asof"),
    [
        (datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 3, 10, 4, 30, tzinfo=MOSCOW)),
        (datetime(2026, 3, 10, 1, 30, tzinfo=UTC), datetime(2026, 3, 10, 4, 30, tzinfo=MOSCOW)),
        (datetime(2026, 3, 10, 1, 29, tzinfo=UTC), datetime(2026, 3, 9, 4, 30, tzinfo=MOSCOW)),
    ],
)
def test_the_daily_snapshot_is_of_its_hour_in_the_programmes_zone(now, asof):
    assert rfm.scheduled(RfmSettings(taken_at=time(4, 30)), now, MOSCOW) == asof


def test_an_hour_that_the_clocks_skip_is_its_first_valid_minute():
    berlin = ZoneInfo("Europe/Berlin")
    rules = RfmSettings(taken_at=time(2, 30))
    assert rfm.scheduled(rules, datetime(2026, 3, 29, 1, 30, tzinfo=UTC), berlin).timestamp() == pytest.approx(
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC).timestamp()
    )


def test_a_night_done_twice_is_done_once():
    base()
    taken = rfm.recompute_due(NOW)
    assert taken is not None
    assert taken.asof == datetime(2026, 3, 10, tzinfo=MOSCOW)
    assert rfm.recompute_due(NOW) is None
    assert rfm.recompute_due(NOW + timedelta(hours=8)) is None
    assert rfm.recompute_due(NOW + DAY) is not None
    assert RfmSnapshot.objects.count() == 2


def test_on_demand_is_as_of_now_and_once():
    base()
    rfm.recompute_due(NOW)
    rfm.ask(NOW + timedelta(minutes=1))
    taken = rfm.recompute_due(NOW + timedelta(minutes=2))
    assert taken is not None
    assert taken.asof == NOW + timedelta(minutes=2)
    assert rfm.recompute_due(NOW + timedelta(minutes=3)) is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_take_one_snapshot():
    base()
    taken = []

    def work():
        taken.append(rfm.recompute_due(NOW))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len([snapshot for snapshot in taken if snapshot]) == 1
    assert RfmSnapshot.objects.count() == 1
    assert RfmScore.objects.count() == 5


def test_the_number_of_queries_does_not_depend_on_the_clients(django_assert_max_num_queries):
    people = base()
    take()
    for person in people:
        order(person, NOW + DAY)
        buyer(now=NOW + 2 * DAY)
    with django_assert_max_num_queries(30):
        take(NOW + 2 * DAY)
