"""Checking and using codes: limits, validity, one text for every refusal, throttling."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from loyalty.intake.facts import OrderFact
from loyalty.models import Event, PromoCode, PromoPool, PromoRedemption, PromoRefusal
from loyalty.services import merge, promo
from loyalty.services.events import record
from loyalty.services.promo import guard
from tests import builders as b
from tests.builders import NOW

SHARED = {"kind": PromoPool.Kind.SHARED, "codes": 1}


def _code(pool):
    return PromoCode.objects.filter(pool=pool).order_by("pk").first().code


def _issued(pool, person):
    return promo.issue_many(pool.pk, [(person.pk, f"to:{person.pk}")], NOW)[f"to:{person.pk}"]


def _reason(refused):
    assert str(refused.value) == "This promo code cannot be used."
    return refused.value.reason


@pytest.mark.django_db
class TestRules:
    def test_a_check_says_what_the_code_gives_and_changes_nothing(self):
        pool, anna = b.promo_pool(codes=1, percent=Decimal("12.50"), ends_at=NOW + timedelta(days=1)), b.client()
        offer = promo.check(_issued(pool, anna), anna.pk, 1000, NOW)
        assert (offer.gives, offer.percent, offer.amount, offer.uses_left) == ("percent", Decimal("12.50"), None, 1)
        assert offer.expires_at == NOW + timedelta(days=1)
        assert not PromoRedemption.objects.exists()

    def test_a_code_is_used_once_and_said_in_an_event(self):
        pool, anna = b.promo_pool(codes=1), b.client()
        code = _issued(pool, anna)
        used = promo.redeem(code.lower().replace("-", " "), anna.pk, "order-1", "k1", NOW)
        assert (used.client_id, used.order_ref) == (anna.pk, "order-1")
        assert Event.objects.get(name="promo.redeemed").payload == {
            "code": code,
            "pool": pool.slug,
            "order_id": "order-1",
        }
        with pytest.raises(promo.PromoRefused) as refused:
            promo.redeem(code, anna.pk, "order-2", "k2", NOW)
        assert _reason(refused) == "used_up"

    def test_a_repetition_returns_the_stored_use_and_another_body_is_refused(self):
        pool, anna = b.promo_pool(**SHARED, uses_per_code=2), b.client()
        first = promo.redeem(_code(pool), anna.pk, "o1", "k", NOW)
        assert promo.redeem(_code(pool), anna.pk, "o1", "k", NOW + timedelta(days=900)).pk == first.pk
        with pytest.raises(promo.KeyReused):
            promo.redeem(_code(pool), anna.pk, "o2", "k", NOW)
        assert PromoCode.objects.get().uses == 1

    def test_one_order_uses_a_code_once_whatever_the_key(self):
        pool, anna = b.promo_pool(**SHARED, uses_per_code=5), b.client()
        first = promo.redeem(_code(pool), anna.pk, "o1", "k1", NOW)
        assert promo.redeem(_code(pool), anna.pk, "o1", "k2", NOW).pk == first.pk
        assert PromoCode.objects.get().uses == 1

    @pytest.mark.parametrize(
        ("values", "total", "reason"),
        [
            ({"active": False}, None, "inactive"),
            ({"starts_at": NOW + timedelta(seconds=1)}, None, "early"),
            ({"ends_at": NOW}, None, "expired"),
            ({"min_order": 1000}, 999, "small_order"),
            ({"days_after_issue": 3}, None, "not_issued"),
        ],
    )
    def test_every_refusal_reads_alike_and_staff_see_why(self, values, total, reason):
        pool, anna = b.promo_pool(**SHARED, **values), b.client()
        for verb in (
            lambda: promo.check(_code(pool), anna.pk, total, NOW),
            lambda: promo.redeem(_code(pool), anna.pk, "o", "k", NOW, order_total=total),
        ):
            with pytest.raises(promo.PromoRefused) as refused:
                verb()
            assert _reason(refused) == reason
        assert list(PromoRefusal.objects.values_list("reason", "client")) == [(reason, anna.pk)] * 2
        assert PromoCode.objects.get().uses == 0

    @pytest.mark.parametrize("typed", ["", "NOSUCHCODE12", "\x00", "A" * 5000, "'; --"])
    def test_what_is_no_code_is_refused(self, typed):
        with pytest.raises(promo.PromoRefused) as refused:
            promo.check(typed, None, None, NOW)
        assert _reason(refused) == "unknown"

    def test_a_personal_code_is_its_owners(self):
        pool, anna, boris = b.promo_pool(codes=1), b.client(), b.client()
        code = _issued(pool, anna)
        with pytest.raises(promo.PromoRefused) as refused:
            promo.check(code, boris.pk, None, NOW)
        assert _reason(refused) == "foreign"
        # At a checkout that names nobody it counts for the owner.
        assert promo.redeem(code, None, "o", "k", NOW).client_id == anna.pk

    def test_days_after_issue_count_for_each_client(self):
        pool, anna, boris = b.promo_pool(**SHARED, days_after_issue=3, uses_per_code=None), b.client(), b.client()
        code = _issued(pool, anna)
        promo.issue_many(pool.pk, [(boris.pk, "b")], NOW + timedelta(days=10))
        later = NOW + timedelta(days=11)
        with pytest.raises(promo.PromoRefused) as refused:
            promo.check(code, anna.pk, None, later)
        assert _reason(refused) == "expired"
        assert promo.check(code, boris.pk, None, later).uses_left is None

    def test_a_client_uses_a_pool_only_so_often(self):
        pool, anna = b.promo_pool(codes=3, uses_per_client=1), b.client()
        codes = list(promo.issue_many(pool.pk, [(anna.pk, "a"), (anna.pk, "b")], NOW).values())
        promo.redeem(codes[0], anna.pk, "o1", "k1", NOW)
        with pytest.raises(promo.PromoRefused) as refused:
            promo.redeem(codes[1], anna.pk, "o2", "k2", NOW)
        assert _reason(refused) == "client_limit"

    def test_a_limit_by_client_needs_a_client(self):
        pool = b.promo_pool(**SHARED, uses_per_client=1, uses_per_code=None)
        with pytest.raises(promo.PromoRefused) as refused:
            promo.check(_code(pool), None, None, NOW)
        assert _reason(refused) == "client_needed"

    def test_a_cancelled_use_gives_the_code_back_once(self):
        pool, anna = b.promo_pool(**SHARED), b.client()
        used = promo.redeem(_code(pool), anna.pk, "o1", "k1", NOW)
        assert promo.cancel(used.pk, NOW)
        assert not promo.cancel(used.pk, NOW)
        assert PromoCode.objects.get().uses == 0
        promo.redeem(_code(pool), anna.pk, "o2", "k2", NOW)

    def test_a_cancelled_order_gives_its_code_back_and_another_clients_does_not(self):
        pool, anna, boris, shop = b.promo_pool(**SHARED, uses_per_code=5), b.client(), b.client(), b.source()
        b.identify(shop, anna, boris)
        promo.redeem(_code(pool), anna.pk, "o1", "k1", NOW)
        promo.redeem(_code(pool), boris.pk, "o1x", "k2", NOW)

        def cancel(order_id, about):
            fact = OrderFact(order_id, NOW, status="cancelled")
            record(shop, [b.happened(shop, "order.cancelled", about=about, order=fact)], NOW)

        cancel("o1", boris)
        assert PromoCode.objects.get().uses == 2
        cancel("o1x", boris)
        cancel("o1x", boris)
        assert PromoCode.objects.get().uses == 1

    def test_codes_follow_a_guest_who_becomes_a_customer(self):
        pool, guest, anna = b.promo_pool(codes=1), b.client(), b.client()
        code = _issued(pool, guest)
        merge.merge(guest.pk, anna.pk, NOW)
        assert promo.redeem(code, anna.pk, "o", "k", NOW).client_id == anna.pk


@pytest.mark.django_db
class TestThrottle:
    def _guess(self, number, **who):
        with pytest.raises(promo.PromoRefused) as refused:
            promo.check(f"WRONG{number:07d}", who.get("client"), None, NOW, caller=who.get("caller", ""))
        return refused.value.reason

    def test_a_guessing_client_is_kept_out_even_with_a_right_code_and_let_in_later(self):
        pool, anna, boris = b.promo_pool(**SHARED, uses_per_code=None), b.client(), b.client()
        for number in range(guard.PER_CLIENT):
            assert self._guess(number, client=anna.pk) == "unknown"
        with pytest.raises(promo.PromoRefused) as refused:
            promo.redeem(_code(pool), anna.pk, "o", "k", NOW)
        assert _reason(refused) == "throttled"
        assert promo.check(_code(pool), boris.pk, None, NOW)
        assert promo.check(_code(pool), anna.pk, None, NOW + guard.WINDOW)

    def test_a_guessing_caller_is_kept_out(self, monkeypatch):
        monkeypatch.setattr(guard, "PER_CALLER", 3)
        for number in range(3):
            assert self._guess(number, caller="key:1") == "unknown"
        assert self._guess(9, caller="key:1") == "throttled"
        assert self._guess(9, caller="key:2") == "unknown"

    def test_honest_refusals_are_no_guesses(self):
        pool, anna = b.promo_pool(**SHARED, ends_at=NOW), b.client()
        for _ in range(guard.PER_CLIENT + 1):
            with pytest.raises(promo.PromoRefused) as refused:
                promo.check(_code(pool), anna.pk, None, NOW)
            assert refused.value.reason == "expired"

    def test_old_refusals_are_forgotten(self):
        self._guess(1)
        assert guard.forget(NOW + guard.KEPT) == 0
        assert guard.forget(NOW + guard.KEPT + timedelta(seconds=1)) == 1


def _at_once(times, work):
    def one(number):
        try:
            return work(number)
        except promo.PromoRefused as refused:
            return refused.reason
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_50_at_once_on_a_limit_of_5(self):
        pool, people = b.promo_pool(**SHARED, uses_per_code=5), b.clients(50)
        code = _code(pool)
        results = _at_once(50, lambda number: promo.redeem(code, people[number].pk, f"o{number}", f"k{number}", NOW))
        assert results.count("used_up") == 45
        assert PromoRedemption.objects.count() == PromoCode.objects.get().uses == 5

    def test_one_client_with_20_orders_at_once_uses_a_pool_once(self):
        pool, anna = b.promo_pool(**SHARED, uses_per_code=None, uses_per_client=1), b.client()
        code = _code(pool)
        results = _at_once(20, lambda number: promo.redeem(code, anna.pk, f"o{number}", f"k{number}", NOW))
        assert results.count("client_limit") == 19
        assert PromoCode.objects.get().uses == 1

    def test_the_same_request_20_times_at_once_is_one_use(self):
        pool, anna = b.promo_pool(**SHARED, uses_per_code=20), b.client()
        code = _code(pool)
        results = _at_once(20, lambda _number: promo.redeem(code, anna.pk, "o", "k", NOW).pk)
        assert results == [PromoRedemption.objects.get().pk] * 20
        assert PromoCode.objects.get().uses == 1

    def test_cancelling_one_use_20_times_at_once_gives_it_back_once(self):
        pool, anna = b.promo_pool(**SHARED, uses_per_code=20), b.client()
        used = [promo.redeem(_code(pool), anna.pk, f"o{number}", f"k{number}", NOW) for number in range(2)]
        assert _at_once(20, lambda _number: promo.cancel(used[0].pk, NOW)).count(True) == 1
        assert PromoCode.objects.get().uses == 1
