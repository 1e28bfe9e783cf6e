"""Conditions on purchases: paid orders, refunds subtracted (semantics §44)."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import Category, Order, OrderLine, Product
from segments.conditions import DiscountShareCondition, GoodsCondition, OrdersCondition, OverdueCondition
from tests import builders as b
from tests.builders import NOW
from tests.segments.conditions.asking import DAY, TICK, holds, seen

pytestmark = pytest.mark.django_db

_numbers = count(1)


def order(person, *, at=NOW, total=100_00, goods=(), **values):
    """A paid order with one piece of each of the goods."""
    shop = goods[0].source if goods else b.source()
    values = {"status": "paid", "currency": "RUB", "external_id": f"o{next(_numbers)}"} | values
    made = Order.objects.create(source=shop, client=person, total=total, ordered_at=at, changed_at=at, **values)
    for position, product in enumerate(goods):
        OrderLine.objects.create(order=made, position=position, product=product, quantity=1, price=50_00, total=50_00)
    return made


def orders(measure, bound="at_least", amount=1, **values):
    return OrdersCondition(measure=measure, bound=bound, amount=Decimal(amount), **values)


class TestOrders:
    def test_only_paid_orders_count(self):
        people = []
        for status in ("created", "paid", "part_refunded", "refunded", "cancelled"):
            people.append(b.client())
            order(people[-1], status=status)
        assert holds(orders("count"), *people) == [False, True, True, False, False]

    def test_both_ends_of_the_window_count(self):
        people = []
        for at in (NOW, NOW + TICK, NOW - 7 * DAY, NOW - 7 * DAY - TICK):
            people.append(b.client())
            order(people[-1], at=at)
        assert holds(orders("count", days=7), *people) == [True, False, True, False]

    def test_refunds_are_subtracted_from_sums(self):
        person = b.client()
        order(person, total=300_00)
        order(person, total=200_00, status="part_refunded", refunded=100_00)
        assert holds(orders("sum", "between", 400, amount_to=Decimal(400)), person) == [True]
        assert holds(orders("sum", amount="400.01"), person) == [False]
        assert holds(orders("average", "between", 200, amount_to=Decimal(200)), person) == [True]
        assert seen(orders("sum"), person) == "400"

    def test_sums_are_in_the_programmes_currency(self):
        person = b.client()
        order(person, total=500_00, currency="USD")
        assert holds(orders("sum", "at_most", 0), person) == [True]
        assert holds(orders("count"), person) == [True]

    def test_nobody_is_nought_but_has_no_average_and_no_last_order(self):
        nobody = b.client()
        assert holds(orders("count", "at_most", 0), nobody) == [True]
        assert holds(orders("sum", "at_most", 0), nobody) == [True]
        for measure in ("average", "first", "last"):
            assert holds(orders(measure, "at_most", 100), nobody) == [False]
            assert seen(orders(measure), nobody) == "no orders"

    def test_days_since_are_whole_and_bounds_are_included(self):
        people = []
        for ago in (10 * DAY, 10 * DAY - TICK, 20 * DAY, 20 * DAY + TICK):
            people.append(b.client())
            order(people[-1], at=NOW - ago)
        assert holds(orders("last", "at_least", 10), *people) == [True, False, True, True]
        assert holds(orders("last", "at_most", 10), *people) == [True, True, False, False]
        assert holds(orders("first", "between", 10, amount_to=Decimal(20)), *people) == [True, False, True, False]

    def test_it_says_itself(self):
        assert orders("sum", amount=5000, days=90).sentence() == "sum of orders: at least 5,000 in the last 90 days"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"measure": "last", "amount": "1.5"}, "amount"),
            ({"measure": "sum", "bound": "between", "amount": 5}, "amount_to"),
            ({"measure": "sum", "bound": "between", "amount": 5, "amount_to": Decimal(4)}, "amount_to"),
        ],
    )
    def test_a_wrong_one_is_refused_by_field(self, values, field):
        with pytest.raises(ValidationError) as error:
            orders(**values).clean()
        assert list(error.value.message_dict) == [field]


class TestOverdue:
    def _buyer(self, *days_ago):
        person = b.client()
        for days in days_ago:
            order(person, at=NOW - timedelta(days=days))
        return person

    def test_longer_than_k_usual_intervals(self):
        # Intervals of 10, 10 and 40 days: the median is 10.
        usual = self._buyer(80, 70, 60, 20)
        assert holds(OverdueCondition(factor=Decimal(2)), usual) == [False]
        assert holds(OverdueCondition(factor=Decimal(2)), usual, now=NOW + TICK) == [True]
        assert holds(OverdueCondition(factor=Decimal("1.5")), usual) == [True]
        assert seen(OverdueCondition(), usual) == "the last order 20 days ago, the usual interval is 10 days"

    def test_but_not_before_the_floor(self):
        assert holds(OverdueCondition(factor=Decimal(1), floor=20), self._buyer(40, 30, 20)) == [False]
        assert holds(OverdueCondition(factor=Decimal(1), floor=19), self._buyer(40, 30, 20)) == [True]

    def test_with_fewer_orders_there_is_no_norm(self):
        once, never = self._buyer(50), b.client()
        assert holds(OverdueCondition(), once, never) == [False, False]
        assert holds(OverdueCondition(otherwise=49), once, never) == [True, False]
        assert holds(OverdueCondition(otherwise=50), once, never) == [False, False]


class TestDiscountShare:
    def test_half_of_the_orders(self):
        half, less, few = b.client(), b.client(), b.client()
        for person, discounts in ((half, (1, 0)), (less, (1, 0, 0)), (few, (1,))):
            for discount in discounts:
                order(person, discount=discount)
        assert holds(DiscountShareCondition(percent=50), half, less, few) == [True, False, False]
        assert holds(DiscountShareCondition(percent=50, bound="at_most"), half, less, few) == [True, True, False]
        assert seen(DiscountShareCondition(), less) == "1 of 3 orders"


class TestGoods:
    @pytest.fixture
    def shop(self):
        return b.source()

    def _product(self, shop, external_id="P-1", category="Aquarium", **values):
        kind, _ = Category.objects.get_or_create(source=shop, external_id=f"c-{category}", defaults={"name": category})
        return Product.objects.create(
            source=shop, external_id=external_id, category=kind, updated_at=NOW, **{"brand": "Hill"} | values
        )

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("product", "P-1"),
            ("product", "SKU-1"),
            ("category", "aquarium"),
            ("category", "c-Aquarium"),
            ("brand", "HILL"),
        ],
    )
    def test_goods_are_bought_by_any_of_their_names(self, shop, kind, value):
        fish = self._product(shop, sku="SKU-1")
        other = self._product(shop, "P-2", "Dogs", brand="Dale")
        buyer, stranger, nobody = b.client(), b.client(), b.client()
        order(buyer, goods=[fish, fish])
        order(stranger, goods=[other])
        once = GoodsCondition(deed="bought", kind=kind, value=value)
        assert holds(once, buyer, stranger, nobody) == [True, False, False]
        never = GoodsCondition(deed="bought", kind=kind, value=value, bound="at_most", count=0)
        assert holds(never, buyer, stranger, nobody) == [False, True, True]

    def test_times_are_orders_not_pieces(self, shop):
        fish, buyer = self._product(shop), b.client()
        order(buyer, goods=[fish, fish])
        order(buyer, goods=[fish], status="cancelled")
        twice = GoodsCondition(value="Aquarium", count=2, days=90)
        assert holds(twice, buyer) == [False]
        order(buyer, goods=[fish], at=NOW - 90 * DAY)
        assert holds(twice, buyer) == [True]
        assert twice.sentence() == "bought the category «Aquarium» at least 2 times in the last 90 days"

    def test_goods_that_came_back_were_not_bought(self, shop):
        fish = self._product(shop)
        people = []
        for returned in (49_99, 50_00):
            people.append(b.client())
            order(people[-1], goods=[fish], status="part_refunded", refunded_goods={"P-1": returned})
        assert holds(GoodsCondition(value="Aquarium"), *people) == [True, False]

    def test_views_are_known_by_the_event_or_by_the_catalogue(self, shop):
        self._product(shop)
        told, known, page, stranger = (b.client() for _ in range(4))
        b.record_event(shop, "product.viewed", told, payload={"product_id": "X", "category": "aquarium"})
        b.record_event(b.source(), "product.viewed", known, payload={"product_id": "P-1"})
        b.record_event(shop, "category.viewed", page, payload={"category": "Aquarium"})
        b.record_event(shop, "product.viewed", stranger, payload={"product_id": "P-9", "lines": "junk"})
        viewed = GoodsCondition(deed="viewed", value="Aquarium")
        assert holds(viewed, told, known, page, stranger) == [True, True, True, False]

    def test_carts_count_once_and_what_was_taken_out_does_not(self, shop):
        many, two, out, odd = (b.client() for _ in range(4))

        def carted(person, token, **more):
            lines = [{"product_id": "P-7", "brand": "Dale"}, {"product_id": "P-1", "brand": "Hill"}]
            b.record_event(shop, "cart.updated", person, payload={"cart_token": token, "lines": lines} | more)

        carted(many, "K-1")
        carted(many, "K-1")
        carted(two, "K-2", change="added")
        carted(two, "K-3")
        carted(out, "K-4", change="removed")
        carted(odd, "K-5", lines={"product_id": "P-1"})
        once, twice = (GoodsCondition(deed="carted", kind="brand", value="hill", count=n) for n in (1, 2))
        assert holds(once, many, two, out, odd) == [True, True, False, False]
        assert holds(twice, many, two, out, odd) == [False, True, False, False]
