"""Bonuses over the API: the ledger's rules with HTTP's words."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.models import BonusHold, BonusLot, BonusOperation
from loyalty.services import ledger
from tests import builders as b
from tests.loyalty.api.calling import Till, problem


@pytest.fixture
def till() -> Till:
    return Till()


def has(till: Till, person) -> tuple[int, int]:
    """What is available and held."""
    told = till.get(f"clients/{person.pk}/balance/").json()
    return told["available"], told["held"]


def rich(amount: int = 500):
    """A client with bonuses."""
    person, now = b.client(), timezone.now()
    ledger.accrue("t", ledger.Grant(person.pk, amount, f"start:{person.pk}", now), now)
    return person


@pytest.mark.django_db
class TestAccruals:
    def test_bonuses_are_accrued_with_their_lifetime(self, till):
        anna = b.client()
        answer = till.post(
            "bonuses/accruals/", {"client": str(anna.pk), "amount": 300, "reason": "survey", "lifetime_days": 10}
        )
        assert answer.status_code == 201
        told = answer.json()
        assert (told["kind"], told["amount"], told["reason"]) == ("accrue", 300, "survey")
        assert has(till, anna) == (300, 0)
        lot = BonusLot.objects.get()
        zone = timezone.get_default_timezone()
        assert lot.expires_at == ledger.lifetime_end(lot.activates_at, 10, zone)

    def test_bonuses_can_wait_for_their_day(self, till):
        anna, day = b.client(), (timezone.now() + timedelta(days=14)).isoformat()
        till.post("bonuses/accruals/", {"client": str(anna.pk), "amount": 300, "activates_at": day})
        told = till.get(f"clients/{anna.pk}/balance/").json()
        assert (told["available"], told["pending"]) == (0, 300)

    def test_twice_the_same_request_is_one_accrual_even_after_the_answer_was_forgotten(self, till):
        anna = b.client()
        body = {"client": str(anna.pk), "amount": 300}
        first = till.post("bonuses/accruals/", body, "k1").json()
        assert till.post("bonuses/accruals/", body, "k1").json() == first
        till.row.idempotentrequest_set.all().delete()
        assert till.post("bonuses/accruals/", body, "k1").json() == first
        till.row.idempotentrequest_set.all().delete()
        problem(till.post("bonuses/accruals/", body | {"amount": 1}, "k1"), 409, "key-reused")
        assert has(till, anna) == (300, 0)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"amount": 0}, "amount"),
            ({"amount": -5}, "amount"),
            ({"amount": 1.5}, "amount"),
            ({"amount": 10**16}, "amount"),
            ({"amount": "many"}, "amount"),
            ({"amount": None}, "amount"),
            ({"client": "999999"}, "client"),
            ({"client": "unicorn"}, "client"),
            ({"client": {}}, "client"),
            ({"expires_at": "2020-01-01"}, "expires_at"),
            ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
            ({"expires_at": "2030-01-01", "activates_at": "2031-01-01"}, "expires_at"),
            ({"expires_at": "2030-01-01", "lifetime_days": 3}, "lifetime_days"),
            ({"lifetime_days": -1}, "lifetime_days"),
            ({"lifetime_days": 10**9}, "lifetime_days"),
            ({"reason": "x" * 301}, "reason"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_posted(self, till, change, field):
        body = {"client": str(b.client().pk), "amount": 300} | change
        problem(till.post("bonuses/accruals/", body), 400, "invalid", field)
        assert not BonusOperation.objects.exists()


@pytest.mark.django_db
class TestHolds:
    def test_a_hold_is_captured_in_part_and_the_rest_released(self, till):
        anna = rich()
        held = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 200, "reason": "order 7"})
        assert held.status_code == 201
        hold = held.json()
        assert (hold["state"], hold["amount"], hold["client"]) == ("open", 200, anna.pk)
        assert has(till, anna) == (300, 200)
        captured = till.post(f"bonuses/holds/{hold['id']}/capture/", {"amount": 150}).json()
        assert (captured["state"], captured["captured"]) == ("captured", 150)
        assert captured["operation"] == BonusOperation.objects.get(kind="spend").pk
        assert has(till, anna) == (350, 0)
        assert till.get(f"bonuses/holds/{hold['id']}/").json() == captured

    def test_a_capture_without_amount_takes_all(self, till):
        anna = rich()
        hold = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 200}).json()["id"]
        till.post(f"bonuses/holds/{hold}/capture/")
        assert has(till, anna) == (300, 0)

    def test_a_released_hold_gives_everything_back_once(self, till):
        anna = rich()
        hold = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 200}).json()["id"]
        assert till.post(f"bonuses/holds/{hold}/release/").json()["state"] == "released"
        assert has(till, anna) == (500, 0)
        problem(till.post(f"bonuses/holds/{hold}/release/"), 409, "hold-resolved")
        problem(till.post(f"bonuses/holds/{hold}/capture/"), 409, "hold-resolved")

    def test_nobody_holds_more_than_there_is(self, till):
        anna = rich()
        problem(till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 501}), 409, "insufficient", "amount")
        hold = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 400}).json()["id"]
        problem(till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 101}), 409, "insufficient", "amount")
        problem(till.post(f"bonuses/holds/{hold}/capture/", {"amount": 401}), 409, "too-much", "amount")
        assert has(till, anna) == (100, 400)

    def test_after_the_deadline_a_capture_fails_and_the_bonuses_are_free(self, till):
        anna = rich()
        hold = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 200}).json()["id"]
        BonusHold.objects.update(deadline=timezone.now())
        problem(till.post(f"bonuses/holds/{hold}/capture/"), 409, "hold-expired")
        assert has(till, anna) == (500, 0)

    @pytest.mark.parametrize("deadline", ["2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z", "soon", 5])
    def test_a_deadline_that_cannot_be_is_refused(self, till, deadline):
        body = {"client": str(rich().pk), "amount": 200, "deadline": deadline}
        problem(till.post("bonuses/holds/", body), 400, "invalid", "deadline")

    @pytest.mark.parametrize("hold", ["999999", "0", "x", "9" * 30])
    def test_a_hold_that_is_none(self, till, hold):
        problem(till.post(f"bonuses/holds/{hold}/capture/"), 404, "not-found")
        problem(till.post(f"bonuses/holds/{hold}/release/"), 404, "not-found")
        problem(till.get(f"bonuses/holds/{hold}/"), 404, "not-found")

    def test_holds_are_listed_by_client_and_state(self, till):
        anna, boris = rich(), rich()
        ids = [
            till.post("bonuses/holds/", {"client": str(person.pk), "amount": 10}).json()["id"]
            for person in (anna, anna, boris)
        ]
        till.post(f"bonuses/holds/{ids[0]}/release/")
        found = lambda query: [row["id"] for row in till.get(f"bonuses/holds/?{query}").json()["results"]]  # noqa: E731
        assert found("") == ids[::-1]
        assert found(f"client={anna.pk}&state=open") == [ids[1]]


@pytest.mark.django_db
class TestRefunds:
    def _spent(self, till) -> tuple:
        anna = rich()
        hold = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 200}).json()["id"]
        return anna, till.post(f"bonuses/holds/{hold}/capture/").json()["operation"]

    def test_spent_bonuses_come_back_in_parts_and_never_more(self, till):
        anna, spent = self._spent(till)
        first = till.post("bonuses/refunds/", {"operation": spent, "amount": 150})
        assert first.status_code == 201
        assert (first.json()["kind"], first.json()["amount"]) == ("refund", 150)
        problem(till.post("bonuses/refunds/", {"operation": spent, "amount": 51}), 409, "too-much", "amount")
        till.post("bonuses/refunds/", {"operation": spent, "amount": 50})
        assert has(till, anna) == (500, 0)

    def test_what_is_no_spending_cannot_be_refunded(self, till):
        rich()
        accrual = BonusOperation.objects.get().pk
        for operation in (accrual, 999_999):
            problem(till.post("bonuses/refunds/", {"operation": operation, "amount": 1}), 400, "invalid", "operation")
        problem(till.post("bonuses/refunds/", {"operation": "x", "amount": 1}), 400, "invalid", "operation")


@pytest.mark.django_db
def test_bonuses_need_their_own_scope(till):
    anna = rich()
    body = {"client": str(anna.pk), "amount": 1}
    problem(Till("bonuses:read", "clients:write").post("bonuses/accruals/", body), 403, "forbidden")
    assert Till("bonuses:read").get("bonuses/holds/").status_code == 200


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

    def test_of_twenty_holds_of_everything_one_succeeds(self, till):
        anna = rich()
        body = {"client": str(anna.pk), "amount": 500}
        answers = self._at_once(lambda _n: till.post("bonuses/holds/", body), 20)
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19

    def test_of_twenty_captures_of_one_hold_one_succeeds(self, till):
        anna = rich()
        hold = till.post("bonuses/holds/", {"client": str(anna.pk), "amount": 500}).json()["id"]
        answers = self._at_once(lambda _n: till.post(f"bonuses/holds/{hold}/capture/"), 20)
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
        assert has(till, anna) == (0, 0)

    def test_the_same_accrual_twenty_times_at_once_is_one(self, till):
        anna = b.client()
        body = {"client": str(anna.pk), "amount": 300}
        answers = self._at_once(lambda _n: till.post("bonuses/accruals/", body, "k1"), 20)
        assert {answer.status_code for answer in answers} == {201}
        assert has(till, anna) == (300, 0)
