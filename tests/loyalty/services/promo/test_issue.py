"""Issuing: each code once, each key once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from loyalty.models import Event, PromoCode, PromoIssue, PromoPool
from loyalty.services import promo
from tests import builders as b
from tests.builders import NOW


@pytest.mark.django_db
class TestRules:
    def test_everybody_gets_a_code_of_their_own_and_an_event(self):
        pool, people = b.promo_pool(codes=5), b.clients(3)
        codes = promo.issue_many(pool.pk, [(person.pk, f"k{person.pk}") for person in people], NOW)
        assert len(set(codes.values())) == 3
        for person in people:
            code = PromoCode.objects.get(code=codes[f"k{person.pk}"])
            assert (code.client_id, code.issued_at) == (person.pk, NOW)
            event = Event.objects.get(client=person, name="promo.issued")
            assert event.payload["code"] == code.code
        assert promo.left([pool.pk]) == {pool.pk: 2}

    def test_the_same_key_gets_the_same_code(self):
        pool, anna = b.promo_pool(codes=5), b.client()
        first = promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)
        assert promo.issue_many(pool.pk, [(anna.pk, "k"), (anna.pk, "k")], NOW + timedelta(days=1)) == first
        assert promo.left([pool.pk]) == {pool.pk: 4}
        assert Event.objects.filter(name="promo.issued").count() == 1

    def test_a_dry_pool_gives_none_and_is_a_problem(self):
        pool, people = b.promo_pool(codes=2, warn_below=0), b.clients(3)
        codes = promo.issue_many(pool.pk, [(person.pk, f"k{person.pk}") for person in people], NOW)
        assert list(codes.values()).count(None) == 1
        pool.refresh_from_db()
        assert pool.dry_at == NOW
        assert promo.running_dry() == [pool]

    def test_a_shared_pool_gives_everybody_the_same(self):
        pool, people = b.promo_pool(codes=1, kind=PromoPool.Kind.SHARED, uses_per_code=None), b.clients(3)
        codes = promo.issue_many(pool.pk, [(person.pk, f"k{person.pk}") for person in people], NOW)
        assert set(codes.values()) == {PromoCode.objects.get().code}
        assert PromoIssue.objects.count() == 3

    @pytest.mark.parametrize("values", [{"active": False}, {"ends_at": NOW}])
    def test_a_pool_that_is_over_gives_none(self, values):
        pool, anna = b.promo_pool(codes=1, **values), b.client()
        assert promo.issue_many(pool.pk, [(anna.pk, "k")], NOW) == {"k": None}

    def test_a_blocked_code_is_not_issued(self):
        pool, anna = b.promo_pool(codes=2), b.client()
        blocked = PromoCode.objects.order_by("pk").first()
        PromoCode.objects.filter(pk=blocked.pk).update(blocked=True)
        assert promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)["k"] != blocked.code

    def test_days_after_issue_end_with_the_last_day_of_the_programmes_zone(self):
        pool, anna = b.promo_pool(codes=1, days_after_issue=7), b.client()
        promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)
        # Issued on 10 March in Moscow: the last day is the 17th, which ends at 21:00 UTC.
        expires_at = PromoIssue.objects.get().expires_at
        assert expires_at == datetime(2026, 3, 17, 21, tzinfo=UTC)
        assert promo.last_day(expires_at) == "2026-03-17"

    def test_what_the_pool_says_of_its_end_comes_first(self):
        pool, anna = b.promo_pool(codes=1, days_after_issue=7, ends_at=NOW + timedelta(days=2)), b.client()
        promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)
        assert PromoIssue.objects.get().expires_at == NOW + timedelta(days=2)

    def test_what_is_rolled_back_was_never_issued(self):
        pool, anna = b.promo_pool(codes=1), b.client()
        try:
            with transaction.atomic():
                promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        assert promo.left([pool.pk]) == {pool.pk: 1}
        assert not PromoIssue.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_threads_issue_no_code_twice():
    pool, people = b.promo_pool(codes=1000), b.clients(8)

    def take(person):
        try:
            found = []
            for turn in range(10):
                asked = [(person.pk, f"{person.pk}:{turn}:{number}") for number in range(15)]
                found += promo.issue_many(pool.pk, asked, NOW).values()
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        issued = [code for codes in threads.map(take, people) for code in codes]
    # 1200 asked, 1000 there: whoever came late got none, nobody got another's.
    codes = [code for code in issued if code]
    assert len(codes) == len(set(codes)) == 1000
    assert issued.count(None) == 200
    assert PromoIssue.objects.count() == 1000
