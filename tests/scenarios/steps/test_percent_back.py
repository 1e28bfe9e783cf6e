"""Bonuses given as a percent of an order go back with what comes back of it (semantics §35)."""

import threading
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import connection

from loyalty.intake.facts import OrderFact
from loyalty.models import BonusAccount, BonusOperation, Order, OrderBonus, Purchase
from loyalty.services import ledger, order_bonuses
from loyalty.services.events import record
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import AccrueBonuses
from tests import builders as b
from tests.builders import NOW

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Shop:
    """A shop whose scenario gives 10 % of every order that is placed."""

    def __init__(self, **values):
        draft = b.scenario(parallel=True)
        b.add(AccrueBonuses, b.trunk(draft), **{"by": "percent", "percent": Decimal(10), "lifetime_days": 30} | values)
        b.live(draft)
        self.source, self.anna = b.source(), b.client()

    def buy(self, total=1999_99, now=NOW):
        b.order(self.source, self.anna, now, total=total, status="created")
        return Order.objects.latest("pk")

    def pump(self, now=NOW):
        read_events(now)
        advance_due(now)

    def refund(self, order, amount, at=NOW + MINUTE, number=""):
        news = OrderFact(order.external_id, at, refunded=amount)
        fact = b.happened(
            self.source, "order.refunded", at, about=self.anna, order=news, payload={"order_id": order.external_id}
        )
        record(self.source, [fact], at)

    def cancel(self, order, at=NOW + MINUTE):
        news = OrderFact(order.external_id, at, status="cancelled")
        fact = b.happened(
            self.source, "order.cancelled", at, about=self.anna, order=news, payload={"order_id": order.external_id}
        )
        record(self.source, [fact], at)

    def available(self, now=NOW + MINUTE):
        return ledger.balance(self.anna.pk, now).available

    def debt(self):
        return BonusAccount.objects.get(client=self.anna).debt


@pytest.mark.django_db
class TestReturns:
    def test_a_part_takes_its_share_and_the_whole_takes_all(self):
        shop = Shop()
        order = shop.buy()
        shop.pump()
        assert shop.available() == 199
        shop.refund(order, 1000_00)
        assert shop.available() == 99  # a tenth of 999.99, rounded down once
        shop.refund(order, 999_99)
        assert shop.available() == 0
        assert (OrderBonus.objects.get().amount, OrderBonus.objects.get().kept) == (199, 0)
        assert ledger.audit() == []

    @pytest.mark.parametrize("parts", [[1000_00], *map(list, permutations([333_33, 1, 666_66]))])
    def test_any_sequence_of_parts_is_the_same_as_one(self, parts):
        shop = Shop(percent=Decimal("7.77"))
        order = shop.buy()
        shop.pump()
        for part in parts:
            shop.refund(order, part)
        assert shop.available() == 77  # 7.77 % of 999.99

    def test_the_same_return_told_twice_takes_once(self):
        shop = Shop()
        order = shop.buy(1000_00)
        shop.pump()
        news = OrderFact(order.external_id, NOW + MINUTE, refunded=500_00)
        fact = b.happened(shop.source, "order.refunded", NOW + MINUTE, about=shop.anna, order=news, external_id="r1")
        for _ in range(2):
            record(shop.source, [fact], NOW + MINUTE)
        assert shop.available() == 50
        assert BonusOperation.objects.filter(kind="clawback").count() == 1

    def test_a_cancelled_order_takes_all(self):
        shop = Shop()
        order = shop.buy()
        shop.pump()
        shop.cancel(order)
        assert shop.available() == 0

    def test_what_was_spent_already_becomes_a_debt_that_the_next_bonuses_repay(self):
        shop = Shop()
        order = shop.buy(1000_00)
        shop.pump()
        ledger.spend("till", shop.anna.pk, 80, "s1", NOW)
        shop.refund(order, 1000_00)
        assert (shop.available(), shop.debt()) == (0, 80)
        shop.buy(2000_00, NOW + DAY)
        shop.pump(NOW + DAY)
        assert (shop.available(NOW + DAY), shop.debt()) == (120, 0)
        assert ledger.audit() == []

    def test_what_burnt_unspent_is_not_taken_a_second_time(self):
        shop = Shop()
        order = shop.buy(1000_00)
        shop.pump()
        shop.refund(order, 1000_00, NOW + 40 * DAY)
        assert (shop.available(NOW + 40 * DAY), shop.debt()) == (0, 0)

    def test_a_return_before_the_step_lowers_what_it_gives_and_later_ones_go_on_from_there(self):
        shop = Shop()
        order = shop.buy(1000_00)
        shop.refund(order, 400_00, NOW)
        shop.pump()
        assert shop.available() == 60
        shop.refund(order, 100_00)
        assert shop.available() == 50

    def test_what_was_paid_with_bonuses_earns_nothing_and_returns_as_bonuses(self):
        shop = Shop()
        order = shop.buy(1000_00)
        ledger.accrue("till", ledger.Grant(shop.anna.pk, 500, "g1", NOW), NOW)
        spending = ledger.spend("till", shop.anna.pk, 500, "s1", NOW)
        Purchase.objects.create(order=order, spending_id=spending, spent=500, counted_at=NOW)
        Order.objects.filter(pk=order.pk).update(bonuses_spent=500)
        shop.pump()
        assert shop.available() == 50
        shop.refund(order, 400_00)
        # 200 of the 500 come back; of 300 roubles that stay, a tenth.
        assert shop.available() == 200 + 30

    def test_a_fixed_number_is_nobodys_percent_and_stays(self):
        shop = Shop(by="fixed", amount=300, percent=None)
        order = shop.buy()
        shop.pump()
        shop.refund(order, 1999_99)
        assert shop.available() == 300
        assert not OrderBonus.objects.exists()

    def test_orders_that_gave_no_percent_cost_one_query(self, django_assert_num_queries):
        shop = Shop(by="fixed", amount=300, percent=None)
        orders = [shop.buy().pk for _ in range(3)]
        with django_assert_num_queries(1):
            order_bonuses.take_back(orders, NOW)


@pytest.mark.django_db(transaction=True)
def test_a_return_and_the_step_at_the_same_time_leave_what_is_deserved():
    """Whichever of the two is first: what stays is a tenth of what was not returned."""
    b.programme()
    shop = Shop()
    orders = [shop.buy(1000_00) for _ in range(12)]
    read_events(NOW)
    ready = threading.Barrier(2)

    def returns():
        try:
            ready.wait()
            for order in orders:
                shop.refund(order, 600_00)
        finally:
            connection.close()

    thread = threading.Thread(target=returns)
    thread.start()
    ready.wait()
    for _ in range(12):
        advance_due(NOW + MINUTE, limit=1)
    thread.join()
    while advance_due(NOW + MINUTE):
        pass

    entered = BonusOperation.objects.filter(kind="accrue").count()
    assert entered >= 1
    assert shop.available() == 40 * entered
    assert set(OrderBonus.objects.values_list("kept", flat=True)) == {40}
    assert ledger.audit() == []
