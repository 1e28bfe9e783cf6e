"""Orders by the API and by webhooks: what they earn, spend and give back (semantics §34–36, §39–40)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import connection

from loyalty.intake.facts import Fact, Line, OrderFact, ProductFact, Who
from loyalty.models import BonusHold, BonusLot, BonusOperation, Event, Order, Purchase, PurchaseAccrual
from loyalty.services import ledger, levels, purchases
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
Status = Order.Status


def line(total=1000_00, product="p1", category="", brand=""):
    return Line(ProductFact(product, title=product, category=category, brand=brand), Decimal(1), total, total)


def paid(number="o1", total=1000_00, lines=None, at=NOW, who="u1", name="order.paid", **values):
    """News of a paid order as a shop's webhook brings it."""
    news = OrderFact(number, at, Status.PAID, currency="RUB", total=total, lines=lines, ordered_at=at)
    return Fact(f"{name}:{number}", name, at, Who(who), order=news, **values)


def refunded(refund="r1", number="o1", amount=300_00, at=NOW, **goods):
    return Fact(f"refund:{refund}", "order.refunded", at, order=OrderFact(number, at, refunded=amount, **goods))


def bought(amount):
    """A client with `amount` bonuses, and a shop where 5 % is earned and 30 % may be paid with bonuses."""
    b.programme(max_share=30)
    b.percent_rule(5)
    anna, shop = b.client(), b.source()
    if amount:
        ledger.accrue("test", ledger.Grant(anna.pk, amount, "gift", NOW - DAY), NOW)
    return anna, shop


def available(client, now=NOW):
    return ledger.balance(client.pk, now).available


class TestQuote:
    def test_it_says_what_would_be_earned_and_what_may_be_spent(self):
        anna, shop = bought(500)
        quote = purchases.quote(shop, anna.pk, [line()], NOW)
        assert (quote.limit.bonuses, quote.spend, quote.to_pay, quote.earned.bonuses) == (300, 300, 700_00, 35)
        assert not Order.objects.exists()

    def test_it_takes_as_many_of_the_wished_bonuses_as_are_allowed(self):
        anna, shop = bought(500)
        assert purchases.quote(shop, anna.pk, [line()], NOW, spend=100).spend == 100
        assert purchases.quote(shop, anna.pk, [line()], NOW, spend=999).spend == 300
        assert purchases.quote(shop, anna.pk, [line()], NOW, spend=0).earned.bonuses == 50

    def test_a_guest_earns_by_the_rules_that_need_no_level_and_spends_nothing(self):
        _anna, shop = bought(500)
        quote = purchases.quote(shop, None, [line()], NOW)
        assert (quote.spend, quote.earned.bonuses) == (0, 50)

    def test_the_catalogue_knows_what_a_line_does_not_say(self):
        _anna, shop = bought(0)
        record(shop, [paid(lines=[line(product="p1", category="Food", brand="Acme")])], NOW)
        (item,) = purchases.items_of(shop, [line(product="p1")])
        assert item.category is not None
        assert item.brand == "Acme"


class TestApi:
    def test_hold_pay_earn(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        assert available(anna) == 200
        purchase = purchases.pay(shop, "o1", NOW, [line()])
        assert (purchase.spent, purchase.earned) == (300, 35)
        order = Order.objects.get()
        assert (order.status, order.bonuses_spent, order.bonuses_earned) == (Status.PAID, 300, 35)
        assert available(anna) == 235
        assert Event.objects.get(name="bonus.accrued", payload__amount=35).client == anna

    def test_paying_twice_and_the_webhook_after_it_is_paying_once(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        b.identify(shop, anna)
        for _ in range(2):
            purchases.pay(shop, "o1", NOW, [line()])
        fact = paid()
        fact.who = Who(email=anna.email)
        record(shop, [fact], NOW)
        record(shop, [paid(name="order.updated", at=NOW + DAY)], NOW)
        assert available(anna) == 235
        assert PurchaseAccrual.objects.count() == 1

    def test_a_hold_over_the_largest_share_is_refused_and_changes_nothing(self):
        anna, shop = bought(500)
        with pytest.raises(purchases.NotPayable) as refused:
            purchases.hold(shop, "o1", anna.pk, [line()], 301, NOW)
        assert refused.value.limit.bonuses == 300
        assert not Order.objects.exists()

    def test_a_hold_over_the_balance_is_refused(self):
        anna, shop = bought(200)
        with pytest.raises(ledger.InsufficientBonuses):
            purchases.hold(shop, "o1", anna.pk, [line()], 201, NOW)

    def test_the_same_hold_again_is_the_same_and_another_number_replaces_it(self):
        anna, shop = bought(500)
        first, again = (purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW) for _ in range(2))
        assert first.hold_id == again.hold_id
        purchases.hold(shop, "o1", anna.pk, [line()], 100, NOW)
        assert available(anna) == 400
        assert BonusHold.objects.filter(state="open").count() == 1

    def test_a_lapsed_hold_cannot_be_captured_and_may_be_taken_anew(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        late = NOW + purchases.HOLD_FOR
        with pytest.raises(ledger.HoldExpired):
            purchases.pay(shop, "o1", late, [line()])
        assert Order.objects.get().status == Status.CREATED
        purchases.hold(shop, "o1", anna.pk, [line()], 300, late)
        assert purchases.pay(shop, "o1", late, [line()]).spent == 300

    def test_a_webhook_after_the_hold_lapsed_pays_without_bonuses_and_says_so(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        fact = paid()
        fact.who = Who()
        record(shop, [fact], NOW + purchases.HOLD_FOR)
        purchase = Purchase.objects.get()
        assert (purchase.spent, purchase.earned) == (0, 50)
        assert "lapsed" in purchase.problem
        assert available(anna, NOW + purchases.HOLD_FOR) == 550

    def test_a_shop_that_has_taken_the_bonuses_off_its_totals_is_not_lowered_twice(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        fact = paid(total=700_00, lines=[line(700_00)])
        fact.who = Who()
        record(shop, [fact], NOW)
        assert Purchase.objects.get().earned == 35
        assert available(anna) == 235

    def test_cancelling_before_the_payment_releases_what_is_held(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        purchases.cancel(shop, "o1", NOW)
        assert available(anna) == 500
        with pytest.raises(purchases.WrongState):
            purchases.pay(shop, "o1", NOW, [line()])

    def test_cancelling_after_the_payment_returns_and_claws_back(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        purchases.pay(shop, "o1", NOW, [line()])
        for _ in range(2):
            purchases.cancel(shop, "o1", NOW)
        assert available(anna) == 500
        order = Order.objects.get()
        assert (order.bonuses_spent, order.bonuses_earned) == (0, 0)

    def test_a_refund_returns_its_share_and_keeps_the_rest(self):
        anna, shop = bought(500)
        purchases.hold(shop, "o1", anna.pk, [line()], 300, NOW)
        purchases.pay(shop, "o1", NOW, [line()])
        purchase = purchases.refund(shop, "o1", "r1", NOW, 500_00)
        # Half of it: 150 of 300 return, and of 35 earned 350.00 × 5 % = 17 are kept.
        assert (purchase.returned, purchase.clawed) == (150, 18)
        assert available(anna) == 200 + 150 + 17
        purchases.refund(shop, "o1", "r2", NOW)
        assert available(anna) == 500
        assert Order.objects.get().status == Status.REFUNDED

    def test_a_refund_counts_once_and_its_id_is_not_used_for_another(self):
        anna, shop = bought(0)
        purchases.pay(shop, "o1", NOW, [line()], anna.pk)
        for _ in range(2):
            purchases.refund(shop, "o1", "r1", NOW, 500_00)
        record(shop, [refunded("r1", amount=500_00)], NOW)
        assert available(anna) == 25
        with pytest.raises(ledger.KeyReused):
            purchases.refund(shop, "o1", "r1", NOW, 400_00)

    @pytest.mark.parametrize("amount", [0, -1])
    def test_a_refund_must_be_positive(self, amount):
        anna, shop = bought(0)
        purchases.pay(shop, "o1", NOW, [line()], anna.pk)
        with pytest.raises(ValueError, match="amount"):
            purchases.refund(shop, "o1", "r1", NOW, amount)

    def test_a_refund_is_not_more_than_the_order_and_needs_a_payment(self):
        anna, shop = bought(0)
        purchases.create(shop, "o1", anna.pk, [line()], NOW)
        with pytest.raises(purchases.WrongState):
            purchases.refund(shop, "o1", "r1", NOW, 1)
        purchases.pay(shop, "o1", NOW)
        with pytest.raises(ledger.TooMuch):
            purchases.refund(shop, "o1", "r1", NOW, 1000_01)
        with pytest.raises(purchases.OrderNotFound):
            purchases.refund(shop, "o2", "r1", NOW, 1)

    def test_goods_that_come_back_take_what_they_earned_themselves(self):
        anna, shop = bought(0)
        lines = [line(500_00, "food", "Food"), line(500_00, "toy")]
        record(shop, [paid("seen", lines=lines, total=1000_00)], NOW)  # the catalogue learns the category
        b.factor_rule(3, categories=["Food"])
        purchases.pay(shop, "o1", NOW, lines, anna.pk)
        assert available(anna) == 75 + 25
        purchases.refund(shop, "o1", "r1", NOW, of_goods={"food": 500_00})
        assert available(anna) == 25

    def test_another_clients_order_is_refused(self):
        anna, shop = bought(500)
        purchases.create(shop, "o1", anna.pk, [line()], NOW)
        with pytest.raises(purchases.WrongState):
            purchases.hold(shop, "o1", b.client().pk, [line()], 10, NOW)


class TestWebhooks:
    def test_a_paid_order_earns_and_an_unpaid_one_does_not(self):
        _anna, shop = bought(0)
        told = OrderFact("o1", NOW, Status.CREATED, currency="RUB", total=1000_00)
        record(shop, [Fact("c", "order.created", NOW, Who("u1"), order=told)], NOW)
        assert not BonusOperation.objects.exists()
        record(shop, [paid()], NOW)
        assert BonusOperation.objects.get().amount == 50

    @pytest.mark.parametrize("order", list(permutations(["created", "paid", "refund", "rest"])))
    def test_whatever_order_the_news_come_in_the_end_is_the_same(self, order):
        _anna, shop = bought(0)
        told = OrderFact("o1", NOW, Status.CREATED, currency="RUB", total=1000_00, lines=[line()])
        news = {
            "created": Fact("c", "order.created", NOW, Who("u1"), order=told),
            "paid": paid(total=None, at=NOW + DAY),
            "refund": refunded("r1", amount=300_00, at=NOW + 2 * DAY),
            "rest": refunded("r2", amount=200_00, at=NOW + 3 * DAY),
        }
        for name in order:
            record(shop, [news[name]], NOW + 4 * DAY)
        made = Order.objects.get()
        assert (made.status, made.bonuses_earned) == (Status.PART_REFUNDED, 25)
        assert ledger.balance(made.client_id, NOW + 4 * DAY).available == 25

    def test_bonuses_that_were_spent_since_become_a_debt(self):
        _anna, shop = bought(0)
        record(shop, [paid()], NOW)
        client = Order.objects.get().client
        ledger.spend("test", client.pk, 50, "s", NOW)
        record(shop, [refunded(amount=1000_00)], NOW)
        assert ledger.balance(client.pk, NOW).debt == 50

    def test_imported_history_earns_nothing_even_when_a_live_refund_follows(self):
        _anna, shop = bought(0)
        record(shop, [paid(triggers=False)], NOW)
        record(shop, [refunded()], NOW)
        record(shop, [paid(name="order.updated", at=NOW + DAY)], NOW)
        assert not BonusOperation.objects.exists()

    def test_an_order_that_was_imported_unpaid_earns_when_it_is_paid(self):
        _anna, shop = bought(0)
        told = OrderFact("o1", NOW, Status.CREATED, currency="RUB", total=1000_00)
        record(shop, [Fact("c", "order.created", NOW, Who("u1"), order=told, triggers=False)], NOW)
        record(shop, [paid()], NOW)
        assert BonusOperation.objects.get().amount == 50

    def test_an_anonymous_order_earns_when_it_joins_its_client(self):
        _anna, shop = bought(0)
        fact = paid()
        fact.who = Who(anonymous=("anon:a",))
        record(shop, [fact], NOW)
        assert not BonusOperation.objects.exists()
        record(shop, [Fact("i", "client.identified", NOW, Who("u1", anonymous=("anon:a",)))], NOW)
        assert BonusOperation.objects.get().amount == 50

    def test_an_order_in_another_currency_earns_nothing_and_says_why(self):
        _anna, shop = bought(0)
        fact = paid()
        fact.order.currency = "USD"
        record(shop, [fact], NOW)
        assert not BonusOperation.objects.exists()
        assert "currency" in Purchase.objects.get().problem

    def test_a_discount_of_the_whole_order_lowers_the_basis_and_delivery_does_not_raise_it(self):
        _anna, shop = bought(0)
        record(shop, [paid("o1", total=900_00, lines=[line()]), paid("o2", total=1200_00, lines=[line()])], NOW)
        assert dict(Order.objects.values_list("external_id", "bonuses_earned")) == {"o1": 45, "o2": 50}

    def test_a_refund_counts_by_the_rules_of_the_purchase(self):
        _anna, shop = bought(0)
        record(shop, [paid()], NOW)
        b.percent_rule(90)
        record(shop, [refunded(amount=500_00)], NOW)
        assert Order.objects.get().bonuses_earned == 25

    def test_bonuses_of_rules_that_live_differently_are_lots_of_their_own(self):
        _anna, shop = bought(0)
        b.percent_rule(10, pending_days=14, lifetime_days=30)
        record(shop, [paid()], NOW)
        client = Order.objects.get().client
        assert (ledger.balance(client.pk, NOW).available, ledger.balance(client.pk, NOW).pending) == (50, 100)
        lots = BonusLot.objects.order_by("pk")
        assert [lot.activates_at - NOW for lot in lots] == [timedelta(0), 14 * DAY]
        assert lots[0].expires_at is None
        assert (lots[1].expires_at - NOW).days in (44, 45)
        record(shop, [refunded(amount=1000_00)], NOW)
        assert ledger.balance(client.pk, NOW) == ledger.Balance()

    def test_a_hundred_orders_take_as_many_queries_as_one(self, django_assert_max_num_queries):
        _anna, shop = bought(0)
        facts = [paid(f"o{n}", who=f"u{n}", lines=[line()]) for n in range(100)]
        b.level("Base", 0)
        record(shop, [paid("first", who="u0")], NOW)
        with django_assert_max_num_queries(55):
            record(shop, facts, NOW)
        assert Order.objects.filter(bonuses_earned=50).count() == 101


def test_every_split_of_refunds_ends_as_one_full_refund():
    anna, shop = bought(500)
    lines = [line(333_33, "a"), line(333_33, "b"), line(333_34, "c")]
    for number, parts in enumerate(([1000_00], [1] * 3 + [999_97], [333_33, 1, 666_66], [100_00] * 10)):
        order = f"o{number}"
        purchases.hold(shop, order, anna.pk, lines, 299, NOW)
        purchases.pay(shop, order, NOW, lines)
        for refund, part in enumerate(parts):
            purchases.refund(shop, order, f"{order}:{refund}", NOW, part)
        assert ledger.balance(anna.pk, NOW) == ledger.Balance(available=500)


def test_an_order_counts_by_the_level_before_it_and_lifts_it_after():
    b.programme()
    b.level("Base", 0, 3)
    gold = b.level("Gold", 1000, 10)
    b.rule(name="Cashback", kind="level")
    shop = b.source()
    record(shop, [paid("o1")], NOW)
    client = Order.objects.get().client_id
    assert Order.objects.get().bonuses_earned == 30
    assert levels.standings([client])[client].id == gold.pk
    record(shop, [paid("o2")], NOW)
    assert Order.objects.get(external_id="o2").bonuses_earned == 100


@pytest.mark.django_db(transaction=True)
def test_deliveries_about_the_same_clients_in_different_order_do_not_deadlock():
    _anna, shop = bought(0)
    record(shop, [paid(f"o{n}", who=f"u{n}", name="order.paid") for n in range(20)], NOW)

    def deliver(number):
        try:
            numbers = range(20) if number % 2 else range(19, -1, -1)
            facts = [refunded(f"{number}:{n}", f"o{n}", 100_00) for n in numbers]
            return len(record(shop, facts, NOW))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(deliver, range(4))) == [20] * 4
    assert set(Order.objects.values_list("bonuses_earned", flat=True)) == {30}


@pytest.mark.django_db(transaction=True)
def test_one_order_told_many_times_at_once_earns_once():
    _anna, shop = bought(0)

    def deliver(number):
        try:
            return len(record(shop, [paid(name="order.updated" if number % 2 else "order.paid")], NOW))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(8)))
    assert BonusOperation.objects.get().amount == 50
