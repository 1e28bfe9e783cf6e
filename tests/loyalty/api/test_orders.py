"""Orders over the API: quote, place, pay, cancel, refund — beside webhooks that tell the same."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.intake.facts import Fact, OrderFact
from loyalty.models import BonusHold, BonusOperation, Order, PurchaseAccrual
from loyalty.services import ledger
from loyalty.services.events import record
from tests import builders as b
from tests.loyalty.api.calling import Till, problem

LINES = [
    {"product_id": "P-1", "title": "Tea", "quantity": 2, "price": "400.00"},
    {"product_id": "P-2", "title": "Cup", "total": "200.00"},
]


class Shop:
    """A shop where 5 % is earned and 30 % may be paid with bonuses, its till, and a client who has 500."""

    def __init__(self) -> None:
        b.programme(max_share=30)
        b.percent_rule(5)
        self.source = b.source(slug="shop")
        self.till = Till(source_slug="shop")
        self.anna = b.client()
        now = timezone.now()
        ledger.accrue("t", ledger.Grant(self.anna.pk, 500, "start", now), now)

    def place(self, **more):
        body = {"external_id": "A-7", "client": str(self.anna.pk), "lines": LINES} | more
        return self.till.post("orders/", body)

    def do(self, verb: str, body=None, key: str = ""):
        return self.till.post(f"orders/external:shop:A-7/{verb}/", body, key)

    def has(self) -> tuple[int, int]:
        told = self.till.get(f"clients/{self.anna.pk}/balance/").json()
        return told["available"], told["held"]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.django_db
class TestQuote:
    def test_it_says_what_would_be_earned_and_spent_and_changes_nothing(self, shop):
        answer = shop.till.post("orders/quote/", {"client": str(shop.anna.pk), "lines": LINES}, key=None)
        assert answer.status_code == 200, answer.content
        assert answer.json() == {
            "currency": "RUB",
            "total": "1000.00",
            "available": 500,
            "most": 300,
            "most_worth": "300.00",
            "bound": "share",
            "spend": 300,
            "spend_worth": "300.00",
            "to_pay": "700.00",
            "earns": 35,
            "lines": [
                {"product_id": "P-1", "title": "Tea", "total": "800.00", "earns": 28},
                {"product_id": "P-2", "title": "Cup", "total": "200.00", "earns": 7},
            ],
        }
        assert not Order.objects.exists()
        assert not BonusHold.objects.exists()

    def test_a_guest_spends_nothing(self, shop):
        told = shop.till.post("orders/quote/", {"lines": LINES}, key=None).json()
        assert (told["most"], told["to_pay"], told["earns"]) == (0, "1000.00", 50)

    def test_no_bonuses_may_be_wished_too(self, shop):
        body = {"client": str(shop.anna.pk), "lines": LINES, "spend": 0}
        assert shop.till.post("orders/quote/", body, key=None).json()["earns"] == 50

    def test_reading_is_enough(self, shop):
        assert Till("orders:read").post("orders/quote/", {"lines": LINES}, key=None).status_code == 200
        problem(Till("orders:read").post("orders/", {}), 403, "forbidden")

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"lines": []}, "lines"),
            ({"lines": "many"}, "lines"),
            ({"lines": [5]}, "lines[0]"),
            ({"lines": [{}]}, "lines[0].product_id"),
            ({"lines": [LINES[0], {"product_id": "P", "price": "dear"}]}, "lines[1].price"),
            ({"lines": [{"product_id": "P", "quantity": -1}]}, "lines[0].quantity"),
            ({"lines": [{"product_id": "P"}] * 1001}, "lines"),
            ({"client": "unicorn"}, "client"),
            ({"spend": -1}, "spend"),
        ],
    )
    def test_what_is_wrong_is_named(self, shop, change, field):
        problem(shop.till.post("orders/quote/", {"lines": LINES} | change, key=None), 400, "invalid", field)


@pytest.mark.django_db
class TestWay:
    def test_an_order_is_placed_paid_and_returned_in_parts(self, shop):
        placed = shop.place(bonuses=200)
        assert placed.status_code == 201, placed.content
        told = placed.json()
        assert (told["source"], told["external_id"], told["status"], told["total"]) == (
            "shop",
            "A-7",
            "created",
            "1000.00",
        )
        assert told["lines"][0] | {"product": None} == {
            "product": None,
            "title": "Tea",
            "quantity": "2",
            "price": "400.00",
            "total": "800.00",
        }
        assert (told["bonuses"]["held"], shop.has()) == (200, (300, 200))
        paid = shop.do("pay").json()
        assert paid["status"] == "paid"
        assert paid["bonuses"] == {
            "held": 0,
            "held_until": None,
            "spent": 200,
            "returned": 0,
            "earned": 40,
            "taken_back": 0,
        }
        assert shop.has() == (340, 0)
        half = shop.do("refunds", {"refund_id": "R-1", "amount": "500.00"}).json()
        assert (half["status"], half["refunded"]) == ("part_refunded", "500.00")
        assert (half["bonuses"]["returned"], half["bonuses"]["taken_back"]) == (100, 20)
        whole = shop.do("refunds", {"refund_id": "R-2"}).json()
        assert (whole["status"], whole["refunded"]) == ("refunded", "1000.00")
        assert (whole["bonuses"]["returned"], whole["bonuses"]["taken_back"]) == (200, 40)
        assert shop.has() == (500, 0)
        assert shop.till.get(f"orders/{told['id']}/").json() == whole

    def test_a_cancelled_order_leaves_everything_as_it_was(self, shop):
        shop.place(bonuses=200)
        assert shop.do("cancel").json()["status"] == "cancelled"
        assert shop.has() == (500, 0)
        problem(shop.do("pay"), 409, "conflict")
        problem(shop.do("refunds"), 409, "conflict")

    def test_another_number_of_bonuses_takes_the_place_of_the_first(self, shop):
        shop.place(bonuses=200)
        assert shop.place(bonuses=100).json()["bonuses"]["held"] == 100
        assert shop.has() == (400, 100)

    def test_goods_that_came_back_are_named(self, shop):
        shop.place()
        shop.do("pay")
        told = shop.do("refunds", {"goods": {"P-2": "200.00"}}).json()
        assert (told["refunded"], told["bonuses"]["taken_back"]) == ("200.00", 10)

    def test_the_shops_webhook_may_tell_the_same_payment(self, shop):
        shop.place()
        shop.do("pay")
        now = timezone.now()
        news = OrderFact("A-7", now, "paid", currency="RUB", total=1000_00)
        record(shop.source, [Fact("order.paid:A-7", "order.paid", now, order=news)], now)
        assert PurchaseAccrual.objects.count() == 1
        assert shop.has() == (550, 0)

    def test_a_lapsed_hold_is_told_and_can_be_made_anew(self, shop):
        shop.place(bonuses=200)
        BonusHold.objects.update(deadline=timezone.now())
        problem(shop.do("pay"), 409, "hold-expired")
        shop.place(bonuses=200)
        assert shop.do("pay").json()["bonuses"]["spent"] == 200


@pytest.mark.django_db
class TestRefusals:
    def test_more_bonuses_than_the_rules_allow(self, shop):
        told = problem(shop.place(bonuses=301), 409, "not-payable", "bonuses")
        assert "300" in told["detail"]
        assert not Order.objects.exists()

    def test_more_bonuses_than_there_are(self, shop):
        ledger.spend("t", shop.anna.pk, 400, "s", timezone.now())
        problem(shop.place(bonuses=200), 409, "insufficient", "bonuses")
        assert not Order.objects.exists()

    def test_an_order_that_is_another_clients(self, shop):
        shop.place()
        problem(shop.place(client=str(b.client().pk)), 409, "conflict")

    def test_more_money_back_than_was_paid(self, shop):
        shop.place()
        shop.do("pay")
        problem(shop.do("refunds", {"amount": "1000.01"}), 409, "too-much", "amount")

    def test_a_refund_counts_once_by_its_id(self, shop):
        shop.place()
        shop.do("pay")
        for _ in range(2):
            assert shop.do("refunds", {"refund_id": "R-1", "amount": "100"}).json()["refunded"] == "100.00"
        problem(shop.do("refunds", {"refund_id": "R-1", "amount": "50"}), 409, "key-reused")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"amount": "0"}, "amount"),
            ({"amount": "-5"}, "amount"),
            ({"amount": "many"}, "amount"),
            ({"amount": []}, "amount"),
            ({"goods": {"P-1": "x"}}, "goods.P-1"),
            ({"goods": {"P-1": "300.00"}, "amount": "200.00"}, "amount"),
            ({"refund_id": "x" * 300}, "refund_id"),
        ],
    )
    def test_a_refund_that_is_wrong(self, shop, body, field):
        shop.place()
        shop.do("pay")
        problem(shop.do("refunds", body), 400, "invalid", field)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"external_id": ""}, "external_id"),
            ({"external_id": "x" * 300}, "external_id"),
            ({"client": None}, "client"),
            ({"bonuses": 0}, "bonuses"),
            ({"bonuses": 10, "deadline": "2020-01-01"}, "deadline"),
        ],
    )
    def test_an_order_that_is_wrong(self, shop, change, field):
        problem(shop.place(**change), 400, "invalid", field)
        assert not Order.objects.exists()

    @pytest.mark.parametrize("ref", ["999999", "x", "external:shop:none", "external:shop", "external:none:A-7"])
    def test_an_order_that_is_none(self, shop, ref):
        problem(shop.till.get(f"orders/{ref}/"), 404, "not-found")
        problem(shop.till.post(f"orders/{ref}/pay/"), 404, "not-found")


@pytest.mark.django_db
class TestLists:
    def test_orders_are_found_by_every_name(self, shop):
        order = shop.place().json()["id"]
        b.identify(shop.source, shop.anna)
        found = lambda query: [row["id"] for row in shop.till.get(f"orders/?{query}").json()["results"]]  # noqa: E731
        for query in (
            "",
            "search=A-7",
            f"search={shop.anna.email}",
            "external_id=A-7",
            "source=shop",
            "status=created",
            f"client={shop.anna.pk}",
        ):
            assert found(query) == [order], query
        for query in ("search=B", "status=paid", "source=other", f"client={b.client().pk}"):
            assert found(query) == [], query

    def test_a_list_takes_few_queries(self, shop, django_assert_max_num_queries):
        for number in range(5):
            shop.place(external_id=f"A-{number}", bonuses=10)
        with django_assert_max_num_queries(3):  # the key, orders, their lines
            assert len(shop.till.get("orders/").json()["results"]) == 5


@pytest.mark.django_db
class TestLevels:
    def test_levels_are_listed_and_a_client_knows_how_far_the_next_is(self):
        till, anna = Till(), b.client()
        base, gold = b.level("Base", 0, 3), b.level("Gold", 5000, 7)
        assert [row["id"] for row in till.get("levels/").json()["results"]] == [gold.pk, base.pk]
        assert till.get(f"levels/{gold.pk}/").json() == {
            "id": gold.pk,
            "name": "Gold",
            "threshold": "5000.00",
            "percent": "7.000",
        }
        told = till.get(f"clients/{anna.pk}/level/").json()
        assert (told["level"]["name"], told["next"]["name"], told["left"]) == ("Base", "Gold", "5000.00")

    def test_a_programme_without_levels_has_none(self):
        anna = b.client()
        assert Till().get(f"clients/{anna.pk}/level/").json() == {
            "level": None,
            "measure": "0.00",
            "since": None,
            "until": None,
            "next": None,
            "left": None,
        }

    def test_a_purchase_raises_at_once(self, shop):
        b.level("Base", 0)
        b.level("Gold", 900)
        shop.place()
        shop.do("pay")
        told = shop.till.get(f"clients/{shop.anna.pk}/level/").json()
        assert (told["level"]["name"], told["measure"], told["next"]) == ("Gold", "1000.00", None)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def _at_once(self, work, times):
        def run(number):
            try:
                return work(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(run, range(times)))

    def test_an_order_that_is_paid_ten_times_at_once_is_paid_once(self, shop):
        shop.place(bonuses=200)
        answers = self._at_once(lambda _n: shop.do("pay"), 10)
        assert {answer.status_code for answer in answers} == {200}
        assert BonusOperation.objects.filter(kind="spend").count() == 1
        assert PurchaseAccrual.objects.count() == 1

    def test_ten_refunds_of_a_fifth_at_once_return_the_order_once(self, shop):
        shop.place(bonuses=200)
        shop.do("pay")
        answers = self._at_once(lambda n: shop.do("refunds", {"refund_id": f"R-{n}", "amount": "200.00"}), 10)
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 5
        assert shop.has() == (500, 0)


def test_a_deadline_can_be_given(db, shop):
    until = (timezone.now() + timedelta(days=2)).replace(microsecond=0)
    told = shop.place(bonuses=10, deadline=until.isoformat()).json()
    assert told["bonuses"]["held_until"] == until.strftime("%Y-%m-%dT%H:%M:%SZ")
