"""The first cut of the ledger (semantics §30–33, §36–37)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from loyalty.models import BonusAccount, BonusEntry, BonusLot, BonusOperation, Event
from loyalty.services import ledger, stream
from loyalty.services.ledger import Grant
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)
ZONE = ZoneInfo("Europe/Moscow")


def _grant(client, amount, key, expires_at=None, activates_at=NOW - DAY):
    return Grant(client.pk, amount, key, activates_at, expires_at)


def _left(client):
    return dict(BonusLot.objects.filter(client=client).values_list("operation__key", "remaining"))


def _check_sums(client):
    entries = BonusEntry.objects.filter(client=client).aggregate(s=Sum("amount"))["s"] or 0
    lots = BonusLot.objects.filter(client=client).aggregate(s=Sum("remaining"))["s"] or 0
    operations = BonusOperation.objects.filter(client=client).aggregate(s=Sum("amount"))["s"] or 0
    assert entries == lots == operations == BonusAccount.objects.get(client=client).posted


@pytest.mark.django_db
class TestRules:
    def test_the_soonest_expiry_is_spent_first_and_never_expiring_last(self):
        anna = b.client()
        ledger.accrue_many(
            "t",
            [
                _grant(anna, 100, "never"),
                _grant(anna, 100, "late", NOW + 90 * DAY),
                _grant(anna, 100, "soon", NOW + 9 * DAY),
            ],
            NOW,
        )
        ledger.spend("t", anna.pk, 150, "s", NOW)
        assert _left(anna) == {"never": 100, "late": 50, "soon": 0}
        _check_sums(anna)

    def test_a_lapsed_lot_is_never_spent_even_before_the_sweep(self):
        anna = b.client()
        ledger.accrue("t", _grant(anna, 100, "a", NOW), NOW - DAY)
        assert ledger.balance(anna.pk, NOW).available == 0
        assert ledger.balance(anna.pk, NOW - timedelta(microseconds=1)).available == 100
        with pytest.raises(ledger.InsufficientBonuses):
            ledger.spend("t", anna.pk, 1, "s", NOW)

    def test_a_pending_lot_is_not_spendable(self):
        anna = b.client()
        ledger.accrue("t", _grant(anna, 100, "a", activates_at=NOW + DAY), NOW)
        assert ledger.balance(anna.pk, NOW) == ledger.Balance(0, 100)
        with pytest.raises(ledger.InsufficientBonuses):
            ledger.spend("t", anna.pk, 1, "s", NOW)

    def test_a_refused_spending_changes_nothing(self):
        anna = b.client()
        ledger.accrue("t", _grant(anna, 100, "a"), NOW)
        with pytest.raises(ledger.InsufficientBonuses):
            ledger.spend("t", anna.pk, 101, "s", NOW)
        assert _left(anna) == {"a": 100}
        assert BonusOperation.objects.count() == 1
        _check_sums(anna)

    def test_sweeping_twice_is_sweeping_once(self):
        anna = b.client()
        ledger.accrue("t", _grant(anna, 100, "a", NOW), NOW - DAY)
        ledger.spend("t", anna.pk, 40, "s", NOW - timedelta(hours=1))
        assert (ledger.burn_lapsed(NOW, ZONE), ledger.burn_lapsed(NOW, ZONE)) == (1, 0)
        assert list(BonusOperation.objects.filter(kind="burn").values_list("amount", flat=True)) == [-60]
        assert Event.objects.filter(name="bonus.expired").count() == 1
        _check_sums(anna)

    def test_the_same_key_returns_what_was_posted_and_another_content_is_refused(self):
        anna = b.client()
        first = ledger.accrue("t", _grant(anna, 100, "a"), NOW)
        assert ledger.accrue("t", _grant(anna, 100, "a"), NOW + DAY) == first
        with pytest.raises(ledger.KeyReused, match="'a'"):
            ledger.accrue("t", _grant(anna, 200, "a"), NOW)
        spent = ledger.spend("t", anna.pk, 10, "s", NOW)
        assert ledger.spend("t", anna.pk, 10, "s", NOW) == spent
        with pytest.raises(ledger.KeyReused):
            ledger.spend("t", anna.pk, 11, "s", NOW)
        assert ledger.balance(anna.pk, NOW).available == 90
        assert Event.objects.filter(name="bonus.accrued").count() == 1
        _check_sums(anna)

    @pytest.mark.parametrize("amount", [0, -5])
    def test_an_amount_must_be_positive(self, amount):
        anna = b.client()
        with pytest.raises(ValueError, match="amount"):
            ledger.accrue("t", _grant(anna, amount, "a"), NOW)
        with pytest.raises(ValueError, match="amount"):
            ledger.spend("t", anna.pk, amount, "s", NOW)

    def test_posted_rows_cannot_be_changed(self):
        anna = b.client()
        ledger.accrue("t", _grant(anna, 100, "a"), NOW)
        for statement in (
            "UPDATE loyalty_bonusoperation SET amount = 1",
            "DELETE FROM loyalty_bonusoperation",
            "UPDATE loyalty_bonusentry SET amount = 1",
            "DELETE FROM loyalty_bonusentry",
            "UPDATE loyalty_bonuslot SET amount = 1000",
            "UPDATE loyalty_bonuslot SET expires_at = now()",
            "DELETE FROM loyalty_bonuslot",
        ):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)

    def test_a_thousand_credits_take_as_many_queries_as_one(self, django_assert_max_num_queries):
        people = b.clients(1000, consent=False)
        stream.platform()
        with django_assert_max_num_queries(8):
            ledger.accrue_many("t", [_grant(p, 5, f"k{p.pk}") for p in people], NOW)
        assert BonusLot.objects.count() == 1000


@pytest.mark.parametrize(
    ("activates_at", "days", "expected"),
    [
        # 23:30 in Moscow on 10 March is still that day; a lot of 1 day is usable through the 11th.
        (datetime(2026, 3, 10, 20, 30, tzinfo=UTC), 1, datetime(2026, 3, 11, 21, 0, tzinfo=UTC)),
        # 00:30 in Moscow on 11 March: the day is the programme's, not UTC's.
        (datetime(2026, 3, 10, 21, 30, tzinfo=UTC), 1, datetime(2026, 3, 12, 21, 0, tzinfo=UTC)),
        (datetime(2026, 3, 10, 12, 0, tzinfo=UTC), 0, datetime(2026, 3, 10, 21, 0, tzinfo=UTC)),
    ],
)
def test_a_lifetime_ends_at_the_start_of_the_day_after_the_last_usable_one(activates_at, days, expected):
    assert ledger.lifetime_end(activates_at, days, ZoneInfo("Europe/Moscow")) == expected


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def _at_once(self, work, times):
        def run(number):
            try:
                return work(number)
            except ledger.InsufficientBonuses:
                return None
            finally:
                connection.close()

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(run, range(times)))

    def test_of_twenty_spendings_of_the_whole_balance_one_succeeds(self):
        anna = b.client()
        ledger.accrue("t", _grant(anna, 100, "a"), NOW)
        results = self._at_once(lambda n: ledger.spend("t", anna.pk, 100, f"s{n}", NOW), 20)
        assert sum(result is not None for result in results) == 1
        _check_sums(anna)

    def test_the_same_accrual_twenty_times_at_once_is_one(self):
        anna = b.client()
        results = self._at_once(lambda n: ledger.accrue("t", _grant(anna, 100, "a"), NOW), 20)
        assert len(set(results)) == 1
        assert ledger.balance(anna.pk, NOW).available == 100

    def test_batches_over_the_same_clients_in_different_order_do_not_deadlock(self):
        people = b.clients(50, consent=False)

        def work(number):
            order = people if number % 2 else people[::-1]
            return len(ledger.accrue_many("t", [_grant(p, 1, f"{number}:{p.pk}") for p in order], NOW))

        assert self._at_once(work, 8) == [50] * 8
        assert set(BonusAccount.objects.values_list("posted", flat=True)) == {8}
