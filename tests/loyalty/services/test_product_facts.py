"""What is bought together and what is popular: the count against a plain model of it."""

from collections import Counter
from datetime import timedelta
from itertools import combinations

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from loyalty.models import Category, Client, Order, OrderLine, Product, ProductCount, ProductPair, ProductPopularity
from loyalty.services import product_facts
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def products(number, origin=None, category=None):
    origin = origin or b.source()
    return Product.objects.bulk_create(
        Product(
            source=origin, external_id=f"p{n}", title=f"Product {n}", category=category, price=10000 + n,
            currency="RUB", updated_at=NOW,
        )
        for n in range(number)
    )  # fmt: skip


def ordered(origin, *goods, client=None, at=NOW - timedelta(days=1), status="paid"):
    """An order of one piece of each product."""
    order = Order.objects.create(
        source=origin, external_id=str(next(b._numbers)), client=client, currency="RUB", total=100, status=status,
        ordered_at=at, changed_at=at,
    )  # fmt: skip
    OrderLine.objects.bulk_create(
        OrderLine(order=order, position=n, product=product, quantity=1, price=100, total=100)
        for n, product in enumerate(goods)
    )
    return order


def shown_pairs():
    return {(p.product_id, p.other_id): (p.together, p.lift) for p in ProductPair.objects.all()}


class TestTogether(TestCase):
    @given(st.lists(st.sets(st.integers(0, 5), max_size=5), max_size=25), st.integers(1, 4))
    def test_lift_is_what_a_plain_program_counts(self, baskets, support):
        goods = products(6)
        origin = goods[0].source
        for basket in baskets:
            ordered(origin, *(goods[n] for n in basket))
        product_facts.count(NOW, support=support)

        baskets = [basket for basket in baskets if basket]
        held = Counter(n for basket in baskets for n in basket)
        together = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
        expected = {}
        for (one, other), times in together.items():
            lift = times * len(baskets) / (held[one] * held[other])
            if times >= support and lift > 1:
                expected[goods[one].pk, goods[other].pk] = expected[goods[other].pk, goods[one].pk] = (times, lift)
        found = shown_pairs()
        assert found.keys() == expected.keys()
        for pair, (times, lift) in expected.items():
            assert found[pair] == (times, pytest.approx(lift))


def test_only_the_best_of_each_are_kept_and_ranked():
    goods = products(5)
    origin = goods[0].source
    for other, times in ((goods[1], 3), (goods[2], 2), (goods[3], 2)):
        for _ in range(times):
            ordered(origin, goods[0], other)
    for _ in range(20):
        ordered(origin, goods[4])
    ordered(origin, goods[1])
    product_facts.count(NOW, support=2, top=2)
    kept = ProductPair.objects.filter(product=goods[0]).order_by("rank").values_list("other", "rank")
    # 1 was bought alone as well, so that its lift is the lowest.
    assert list(kept) == [(goods[2].pk, 1), (goods[3].pk, 2)]


def test_cancelled_unpaid_old_and_future_orders_do_not_count():
    goods = products(3)
    origin = goods[0].source
    for status in ("created", "cancelled", "refunded"):
        ordered(origin, *goods[:2], status=status)
    for at in (NOW, NOW - timedelta(days=365, seconds=1)):
        ordered(origin, *goods[:2], at=at)
    for _ in range(2):
        ordered(origin, goods[2])
    assert product_facts.count(NOW, support=1).pairs == 0
    ordered(origin, *goods[:2], at=NOW - timedelta(days=365))
    assert product_facts.count(NOW, support=1).pairs == 2


def test_a_wholesale_order_pairs_nothing_but_is_an_order():
    goods = products(product_facts.MOST_PRODUCTS + 1)
    ordered(goods[0].source, *goods)
    counted = product_facts.count(NOW, support=1)
    assert (counted.orders, counted.pairs, counted.products) == (1, 0, len(goods))


def test_popularity_counts_buyers_not_pieces_and_ranks_within_categories():
    origin = b.source()
    tea, cups = (Category.objects.create(source=origin, external_id=name, name=name) for name in ("tea", "cups"))
    green, black, cup = products(3, origin)
    for product, category in ((green, tea), (black, tea), (cup, cups)):
        product.category = category
        product.save()
    anna, bob = b.client(), b.client()
    for _ in range(5):
        ordered(origin, green, client=anna)
    ordered(origin, black, client=anna)
    ordered(origin, black, client=bob)
    ordered(origin, black)  # a guest
    ordered(origin, cup, at=NOW - timedelta(days=89))
    ordered(origin, cup, client=bob, at=NOW - timedelta(days=90, seconds=1))
    product_facts.count(NOW)
    rows = ProductPopularity.objects.order_by("rank").values_list("product", "buyers", "rank", "category_rank")
    assert list(rows) == [(black.pk, 3, 1, 1), (green.pk, 1, 2, 2), (cup.pk, 1, 3, 1)]


def test_a_second_count_replaces_the_first_and_the_last_one_is_shown():
    goods = products(3)
    for _ in range(5):
        ordered(goods[0].source, *goods[:2])
    for _ in range(5):
        ordered(goods[0].source, goods[2])
    product_facts.count(NOW)
    product_facts.count(NOW + timedelta(days=1))
    assert len(shown_pairs()) == 2
    assert ProductCount.objects.get().counted_at == NOW + timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_two_counts_at_once_are_one():
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [product_facts.LOCK])
        assert product_facts.count(NOW) is None
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [product_facts.LOCK])
    finally:
        other.close()
    assert product_facts.count(NOW) is not None
    assert Client.objects.count() == 0
    with transaction.atomic():
        assert product_facts.count(NOW) is not None
