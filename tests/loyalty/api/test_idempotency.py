"""A POST has one effect and one answer, however often and however simultaneously it is sent (semantics §36)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.models import Client, Event, IdempotentRequest
from loyalty.services import idempotency
from tests.loyalty.api.calling import Till, problem

ANNA = {"phone": "+79991234567", "first_name": "Anna"}


@pytest.mark.django_db
class TestOnce:
    def test_the_same_request_gets_the_same_answer(self):
        till = Till()
        first, again = till.post("clients/", ANNA, "k1"), till.post("clients/", ANNA, "k1")
        assert (first.status_code, first.content) == (again.status_code, again.content)
        assert "Idempotency-Replayed" not in first
        assert again["Idempotency-Replayed"] == "true"
        assert Client.objects.count() == Event.objects.count() == 1

    def test_the_order_of_fields_makes_no_other_request(self):
        till = Till()
        first = till.call("POST", "clients/", b'{"phone": "+79991234567", "first_name": "A"}', "k")
        again = till.call("POST", "clients/", b'{ "first_name":"A","phone":"+79991234567"}', "k")
        assert first.content == again.content

    @pytest.mark.parametrize("body", [ANNA | {"first_name": "Boris"}, {}, b"{"])
    def test_another_body_is_a_conflict_and_changes_nothing(self, body):
        till = Till()
        first = till.post("clients/", ANNA, "k1")
        problem(till.post("clients/", body, "k1"), 409, "key-reused")
        assert till.post("clients/", ANNA, "k1").content == first.content
        assert Client.objects.get().first_name == "Anna"

    def test_another_address_is_a_conflict(self):
        till = Till()
        till.post("events/", ANNA, "k1")
        problem(till.post("clients/", ANNA, "k1"), 409, "key-reused")

    def test_a_failure_is_stored_too(self):
        """A new attempt needs a new key, so that a till never wonders which of two answers counts."""
        till = Till()
        client = till.post("clients/", ANNA).json()["id"]
        refused = till.post("clients/", ANNA, "k1")
        problem(refused, 409, "duplicate")
        Client.objects.filter(pk=client).update(phone="")
        again = till.post("clients/", ANNA, "k1")
        assert again.content == refused.content
        problem(again, 409, "duplicate")

    def test_a_refused_body_is_stored_too(self):
        till = Till()
        first = till.call("POST", "clients/", b"{", "k1")
        problem(first, 400)
        again = till.call("POST", "clients/", b"{", "k1")
        assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")

    def test_keys_of_another_caller_are_others(self):
        Till().post("clients/", ANNA, "k1")
        assert Till().post("clients/", {"email": "b@example.com"}, "k1").status_code == 201

    @pytest.mark.parametrize("key", [None, " ", "x" * 256, "ключ", "a\tb"])
    def test_a_post_needs_a_key(self, key):
        till = Till()
        given = key.encode().decode("latin-1") if key else key
        problem(till.post("clients/", ANNA, given), 400, "invalid", "Idempotency-Key")
        assert not Client.objects.exists()

    def test_who_may_not_get_in_stores_nothing(self):
        problem(Till("clients:read").post("clients/", ANNA, "k1"), 403)
        assert not IdempotentRequest.objects.exists()

    def test_what_broke_may_be_tried_again_with_its_key(self, monkeypatch):
        till = Till()
        with monkeypatch.context() as patch:
            patch.setattr("loyalty.services.profiles.register", lambda *_: 1 / 0)
            problem(till.post("clients/", ANNA, "k1"), 500)
        assert not IdempotentRequest.objects.exists()
        assert till.post("clients/", ANNA, "k1").status_code == 201

    def test_old_answers_are_forgotten_and_young_ones_kept(self):
        till, now = Till(), timezone.now()
        till.post("clients/", ANNA, "k1")
        assert idempotency.forget(now) == 0
        assert idempotency.forget(now + idempotency.KEPT + timedelta(minutes=1)) == 1


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

    def test_twenty_of_the_same_request_are_one(self):
        till = Till()
        answers = self._at_once(lambda _n: till.post("clients/", ANNA, "k1"), 20)
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
        assert Client.objects.count() == 1

    def test_of_twenty_with_keys_of_their_own_for_one_phone_one_registers(self):
        till = Till()
        answers = self._at_once(lambda n: till.post("clients/", ANNA, f"k{n}"), 20)
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
        assert Client.objects.count() == 1

    def test_of_different_bodies_under_one_key_one_wins(self):
        till = Till()
        answers = self._at_once(lambda n: till.post("clients/", {"phone": f"+7999123456{n}"}, "k1"), 8)
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
        assert Client.objects.count() == 1
