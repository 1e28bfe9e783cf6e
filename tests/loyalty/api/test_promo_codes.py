"""Promo codes over the API: one answer to every refusal, never above the limits."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.models import PromoCode, PromoPool, PromoRedemption, PromoRefusal
from loyalty.services import promo
from loyalty.services.promo import guard
from tests import builders as b
from tests.loyalty.api.calling import Till, problem


@pytest.fixture
def till() -> Till:
    return Till()


def personal(person, **values) -> str:
    """A code that was issued to somebody."""
    pool = b.promo_pool(1, **values)
    return promo.issue_many(pool.pk, [(person.pk, "k")], timezone.now())["k"]


def shared(**values) -> str:
    """A code for everybody."""
    pool = b.promo_pool(1, kind=PromoPool.Kind.SHARED, **{"uses_per_code": None} | values)
    return pool.codes.get().code


@pytest.mark.django_db
class TestCheck:
    @pytest.mark.parametrize("by", ["GET", "POST"])
    def test_says_what_the_code_gives_and_changes_nothing(self, till, by):
        anna = b.client()
        code = personal(anna, gives="amount", percent=None, amount=50_000, min_order=100_000)
        typed = code.lower().replace("-", "")
        path, body = f"promo-codes/{typed}/check/", {"client": str(anna.pk), "order_total": "1500.00"}
        if by == "GET":
            answer = till.get(f"{path}?client={anna.pk}&order_total=1500.00")
        else:
            answer = till.post(path, body, key=None)
        assert answer.status_code == 200, answer.content
        told = answer.json()
        assert told.pop("pool")
        assert told == {
            "code": code,
            "gives": "amount",
            "percent": None,
            "amount": "500.00",
            "currency": "RUB",
            "gift": "",
            "min_order": "1000.00",
            "expires_at": None,
            "uses_left": 1,
        }
        assert not PromoRedemption.objects.exists()

    def test_reading_is_enough(self):
        assert Till("promo-codes:read").post(f"promo-codes/{shared()}/check/", key=None).status_code == 200
        problem(Till("promo-codes:read").post(f"promo-codes/{shared()}/redeem/"), 403, "forbidden")

    def test_every_refusal_is_the_same_to_the_letter(self, till):
        anna, boris, now = b.client(), b.client(), timezone.now()
        refused = [
            till.get(f"promo-codes/{code}/check/?client={boris.pk}&order_total=10")
            for code in (
                "NOTHING-LIKE-IT",
                personal(anna),
                shared(ends_at=now),
                shared(active=False),
                shared(min_order=9000),
            )
        ]
        problem(refused[0], 409, "promo-refused")
        assert len({answer.content for answer in refused}) == 1
        reasons = set(PromoRefusal.objects.values_list("reason", flat=True))
        assert reasons == {"unknown", "foreign", "expired", "inactive", "small_order"}

    @pytest.mark.parametrize("key", [None, "k1"])
    def test_refusals_are_counted_against_guessing(self, till, key):
        """With a key the answer is stored in a transaction: what it counted has to stay all the same."""
        till.post("promo-codes/WRONG-CODE/check/", key=key)
        assert PromoRefusal.objects.get().caller == f"api:{till.row.pk}"

    def test_who_guesses_is_shut_out_of_true_codes_too(self, till):
        anna = b.client()
        code = personal(anna)
        for n in range(guard.PER_CLIENT):
            till.get(f"promo-codes/WRONG-{n}/check/?client={anna.pk}")
        wrong = till.get(f"promo-codes/WRONG/check/?client={anna.pk}")
        right = till.get(f"promo-codes/{code}/check/?client={anna.pk}")
        problem(right, 409, "promo-refused")
        assert right.content == wrong.content

    @pytest.mark.parametrize(("query", "field"), [("client=unicorn", "client"), ("order_total=many", "order_total")])
    def test_what_is_wrong_in_the_question_is_named(self, till, query, field):
        problem(till.get(f"promo-codes/{shared()}/check/?{query}"), 400, "invalid", field)


@pytest.mark.django_db
class TestRedeem:
    def test_a_code_is_used_once_for_an_order(self, till):
        anna = b.client()
        code = personal(anna)
        body = {"client": str(anna.pk), "order_id": "A-7", "order_total": "1500.00"}
        answer = till.post(f"promo-codes/{code}/redeem/", body)
        assert answer.status_code == 201
        told = answer.json()
        assert (told["client"], told["order_id"], told["offer"]["percent"]) == (anna.pk, "A-7", "10.00")
        assert told["offer"]["uses_left"] == 0
        assert till.post(f"promo-codes/{code}/redeem/", body).json()["id"] == told["id"]
        assert PromoCode.objects.get(code=code).uses == 1
        problem(till.post(f"promo-codes/{code}/redeem/", body | {"order_id": "A-8"}), 409, "promo-refused")

    def test_a_refusal_is_stored_with_its_key_and_noted(self, till):
        first = till.post("promo-codes/WRONG-CODE/redeem/", {}, "k1")
        problem(first, 409, "promo-refused")
        assert till.post("promo-codes/WRONG-CODE/redeem/", {}, "k1").content == first.content
        assert PromoRefusal.objects.count() == 1

    def test_the_same_key_for_another_code_is_a_conflict(self, till):
        till.post(f"promo-codes/{shared()}/redeem/", {}, "k1")
        problem(till.post(f"promo-codes/{shared()}/redeem/", {}, "k1"), 409, "key-reused")

    @pytest.mark.parametrize(
        "body", [{"client": "x"}, {"order_id": "x" * 300}, {"order_total": "-1"}, {"order_id": []}]
    )
    def test_what_is_wrong_is_named(self, till, body):
        problem(till.post(f"promo-codes/{shared()}/redeem/", body), 400, "invalid", next(iter(body)))


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_never_use_a_code_above_its_limit(till):
    code = shared(uses_per_code=5)

    def use(number):
        try:
            return till.post(f"promo-codes/{code}/redeem/", {"order_id": f"A-{number}"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(use, range(20)))
    assert statuses == [201] * 5 + [409] * 15
    assert PromoCode.objects.get(code=code).uses == 5
