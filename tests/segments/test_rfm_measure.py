"""RFM: who counts as a buyer, and how buyers are cut into fifths (semantics §46, docs/rfm.md)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import Identity, Order
from segments.models import RfmSettings
from segments.services import rfm
from segments.services.rfm.measure import measure, scoring
from tests import builders as b
from tests.builders import NOW
from tests.segments.rfm_shop import buyer, order

pytestmark = pytest.mark.django_db

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)


def look(asof=NOW, zone=MOSCOW, **rules):
    return rfm.look(asof, RfmSettings(**rules), zone, "RUB")


def scored(asof=NOW, zone=MOSCOW, **rules):
    """(r, f, m) by client id."""
    with transaction.atomic(), connection.cursor() as cursor:
        picture = measure(asof, RfmSettings(**rules), zone, "RUB")
        cursor.execute(f"SELECT client_id, r, f, m FROM ({scoring(picture.cuts)}) AS scored")
        rows = {client_id: tuple(scores) for client_id, *scores in cursor.fetchall()}
        cursor.execute("DROP TABLE rfm_measured")
    return rows


def measured(asof=NOW, zone=MOSCOW, **rules):
    """(days, purchases, sum) by client id."""
    with transaction.atomic(), connection.cursor() as cursor:
        measure(asof, RfmSettings(**rules), zone, "RUB")
        cursor.execute("SELECT client_id, days, frequency, monetary FROM rfm_measured")
        rows = {client_id: tuple(values) for client_id, *values in cursor.fetchall()}
        cursor.execute("DROP TABLE rfm_measured")
    return rows


def test_nobody_bought_anything():
    b.client()
    picture = look()
    assert (picture.buyers, picture.purchases, picture.revenue, picture.cells) == (0, 0, 0, [])
    assert picture.cuts == {"r": [], "f": [], "m": []}


def test_five_different_buyers_have_the_five_scores():
    people = [buyer(days_ago=1 + 10 * i, times=5 - i, total=100_00) for i in range(5)]
    assert [scored()[person.pk] for person in people] == [(5, 5, 5), (4, 4, 4), (3, 3, 3), (2, 2, 2), (1, 1, 1)]


def test_a_single_buyer_bought_last_and_bought_least():
    person = buyer()
    assert scored() == {person.pk: (5, 1, 1)}
    assert scored(ties="first") == {person.pk: (5, 1, 1)}


def test_the_boundaries_lie_between_the_fifths_as_in_pandas():
    for i in range(6):
        buyer(days_ago=1 + i * 10)
    # numpy.quantile([1, 11, 21, 31, 41, 51], [0.2, 0.4, 0.6, 0.8])
    assert look().cuts["r"] == [11, 21, 31, 41]
    buyer(days_ago=61)
    assert look().cuts["r"] == [13, 25, 37, 49]


def test_the_picture_holds_the_values_of_each_score_and_the_sums_of_each_cell():
    buyer(days_ago=3, times=2, total=50_00)
    buyer(days_ago=40, total=70_00)
    picture = look()
    assert picture.ranges["r"] == [[40, 40], None, None, None, [3, 3]]
    assert picture.ranges["f"] == [[1, 1], None, None, None, [2, 2]]
    assert picture.ranges["m"] == [[70_00, 70_00], None, None, None, [100_00, 100_00]]
    assert [tuple(cell) for cell in picture.cells] == [(1, 1, 1, 70_00), (5, 5, 1, 100_00)]
    assert (picture.buyers, picture.purchases, picture.revenue) == (2, 3, 170_00)


def test_only_paid_orders_of_a_client_are_purchases():
    person = b.client()
    for status in Order.Status:
        order(person, NOW - DAY, 100_00, status=status, refunded=100_00 if status == Order.Status.REFUNDED else 0)
    order(None, NOW - DAY)
    assert measured() == {person.pk: (1, 2, 200_00)}


def test_what_came_back_lowers_the_sum_and_a_whole_return_is_no_purchase():
    person, sorry = b.client(), b.client()
    order(person, NOW - 5 * DAY, 100_00, refunded=30_00, status=Order.Status.PART_REFUNDED)
    order(person, NOW - DAY, 100_00, refunded=100_00, status=Order.Status.REFUNDED)
    order(sorry, NOW - DAY, 100_00, refunded=100_00, status=Order.Status.REFUNDED)
    assert measured() == {person.pk: (5, 1, 70_00)}
    assert measured(zero_spend="count") == {person.pk: (5, 1, 70_00)}


def test_an_order_that_brought_no_money_counts_only_where_the_rules_say_so():
    person = b.client()
    order(person, NOW - 9 * DAY, 100_00)
    order(person, NOW - 2 * DAY, 0)
    assert measured() == {person.pk: (9, 1, 100_00)}
    assert measured(zero_spend="count") == {person.pk: (2, 2, 100_00)}


def test_the_window_begins_with_its_first_moment_and_ends_before_the_snapshot():
    instant = timedelta(microseconds=1)
    first, early, last, late = (b.client() for _ in range(4))
    order(first, NOW - 30 * DAY)
    order(early, NOW - 30 * DAY - instant)
    order(last, NOW - instant)
    order(late, NOW)
    assert measured(window_days=30).keys() == {first.pk, last.pk}
    assert measured().keys() == {first.pk, early.pk, last.pk}


def test_days_are_whole_and_counted_by_the_clocks_of_the_zone():
    person = b.client()
    order(person, NOW - 3 * DAY + timedelta(seconds=1))
    assert measured()[person.pk][0] == 2
    order(person, NOW - 2 * DAY)
    assert measured()[person.pk][0] == 2
    # Berlin set its clocks an hour ahead on 29 March 2026: from noon to noon it was 23 hours there.
    spring = b.client()
    order(spring, datetime(2026, 3, 28, 12, tzinfo=BERLIN))
    asof = datetime(2026, 3, 29, 12, tzinfo=BERLIN).astimezone(UTC)
    assert measured(asof, BERLIN)[spring.pk][0] == 1
    assert measured(asof, ZoneInfo("UTC"))[spring.pk][0] == 0


def test_sums_are_of_one_currency_and_other_purchases_are_counted_apart():
    person = b.client()
    order(person, NOW - DAY, 100_00)
    order(person, NOW - DAY, 70_00, currency="USD")
    picture = look()
    assert (picture.currency, picture.purchases, picture.foreign, picture.revenue) == ("RUB", 2, 1, 100_00)


def test_where_nothing_is_in_the_programmes_currency_the_usual_one_is_summed():
    person = buyer(times=2, currency="USD")
    order(person, NOW - DAY, 70_00, currency="EUR")
    picture = look()
    assert (picture.currency, picture.foreign, picture.revenue) == ("USD", 1, 200_00)


def test_equal_buyers_share_a_score_or_are_split_by_the_id_that_the_shop_gave():
    people = [buyer() for _ in range(5)]
    # Numbers stand in the order of numbers: 5 before 10; a client without an id in the shop comes last.
    for person, name in zip(people, ["30", "5", "10", "200"], strict=False):
        Identity.objects.create(client=person, kind="external", scope="shop", value=name)
    assert [scored()[person.pk] for person in people] == [(5, 1, 1)] * 5
    assert [scored(ties="first")[person.pk] for person in people] == [(5, f, 1) for f in (3, 1, 2, 4, 5)]


def test_a_client_with_two_ids_in_shops_is_one_buyer():
    person = buyer()
    for scope in ("shop", "till"):
        Identity.objects.create(client=person, kind="external", scope=scope, value="7")
    assert look(ties="first").buyers == 1


def test_the_number_of_queries_does_not_depend_on_the_clients(django_assert_num_queries):
    for i in range(7):
        buyer(days_ago=1 + i)
    with django_assert_num_queries(9):
        look()


# A plain model of docs/rfm.md ---------------------------------------------------------------------------------------


def model_cuts(values):
    ordered = sorted(values)
    places = [divmod(Fraction(k * (len(ordered) - 1), 5), 1) for k in range(1, 5)]
    return [
        ordered[whole] + rest * (ordered[min(whole + 1, len(ordered) - 1)] - ordered[whole]) for whole, rest in places
    ]


def model_score(value, cuts):
    return 1 + sum(value > cut for cut in cuts)


def model(people, ties):
    """(r, f, m) of people, given as (id, days, purchases, sum)."""
    place = {person: purchases for person, _, purchases, _ in people}
    if ties == "first":
        ordered = sorted(people, key=lambda row: (row[2], row[0]))
        place = {person: number for number, (person, *_) in enumerate(ordered, 1)}
    r, f, m = (
        model_cuts(values) for values in ([row[1] for row in people], place.values(), [row[3] for row in people])
    )
    return {
        person: (6 - model_score(days, r), model_score(place[person], f), model_score(spent, m))
        for person, days, _, spent in people
    }


BUYER = st.tuples(st.integers(0, 12), st.integers(1, 4), st.integers(1, 40))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(BUYER, min_size=1, max_size=17), ties=st.sampled_from(["together", "first"]))
def test_scores_are_those_of_the_model(people, ties):
    with transaction.atomic():
        made = [
            (buyer(days, times, total).pk, days, times, total * times)
            for days, times, total in ((days + 1, times, total) for days, times, total in people)
        ]
        found = scored(ties=ties)
        transaction.set_rollback(True)
    assert found == model(made, ties)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(1, 40))
def test_with_ties_first_the_fifths_differ_by_at_most_one(number):
    with transaction.atomic():
        for person in b.clients(number, consent=False):
            order(person, NOW - DAY)
        fifths = Counter(f for _, f, _ in scored(ties="first").values())
        transaction.set_rollback(True)
    assert sum(fifths.values()) == number
    if number >= 5:
        assert max(fifths.values()) - min(fifths.values()) <= 1
