"""Refunds, clawbacks, debt, warnings, audit, and what happens when many do the same at once (semantics §34–38)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import BonusAccount, BonusEntry, BonusHold, BonusLot, BonusOperation, Event
from loyalty.services import ledger
from loyalty.services.ledger import Grant
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)
ZONE = ZoneInfo("Europe/Moscow")


def _accrue(client, amount, key, expires_at=None, activates_at=NOW - DAY, **values):
    return ledger.accrue("t", Grant(client.pk, amount, key, activates_at, expires_at, **values), NOW)


def _left(client):
    return dict(BonusLot.objects.filter(client=client).values_list("operation__key", "remaining"))


def _balance(client, now=NOW):
    return ledger.balance(client.pk, now)


@pytest.mark.django_db
class TestRefund:
    def test_spent_bonuses_return_to_their_lots_newest_allocation_first(self):
        anna = b.client()
        _accrue(anna, 100, "soon", NOW + 5 * DAY)
        _accrue(anna, 100, "late", NOW + 50 * DAY)
        spent = ledger.spend("t", anna.pk, 150, "s", NOW)
        ledger.refund("t", spent, 70, "r1", NOW)
        assert _left(anna) == {"soon": 20, "late": 100}
        ledger.refund("t", spent, 80, "r2", NOW)
        assert _left(anna) == {"soon": 100, "late": 100}
        with pytest.raises(ledger.TooMuch):
            ledger.refund("t", spent, 1, "r3", NOW)

    def test_what_returns_to_a_lapsed_lot_burns_at_once(self):
        anna = b.client()
        _accrue(anna, 100, "soon", NOW + DAY)
        spent = ledger.spend("t", anna.pk, 100, "s", NOW)
        later = NOW + 2 * DAY
        ledger.refund("t", spent, 100, "r", later)
        assert _balance(anna, later) == ledger.Balance()
        assert list(BonusOperation.objects.order_by("id").values_list("kind", "amount")) == [
            ("accrue", 100),
            ("spend", -100),
            ("refund", 100),
            ("burn", -100),
        ]

    def test_the_same_refund_twice_is_one(self):
        anna = b.client()
        _accrue(anna, 100, "a")
        spent = ledger.spend("t", anna.pk, 100, "s", NOW)
        assert ledger.refund("t", spent, 40, "r", NOW) == ledger.refund("t", spent, 40, "r", NOW)
        with pytest.raises(ledger.KeyReused):
            ledger.refund("t", spent, 41, "r", NOW)
        assert _balance(anna).available == 40

    def test_an_accrual_cannot_be_refunded_nor_a_spending_clawed_back(self):
        anna = b.client()
        earned = _accrue(anna, 100, "a")
        spent = ledger.spend("t", anna.pk, 10, "s", NOW)
        with pytest.raises(ledger.NotFound):
            ledger.refund("t", earned, 10, "r", NOW)
        with pytest.raises(ledger.NotFound):
            ledger.clawback("t", spent, 0, "c", NOW)
        with pytest.raises(ledger.NotFound):
            ledger.refund("t", 10**9, 10, "r", NOW)

    def test_bonuses_that_a_merged_client_spent_return_to_the_client_of_now(self):
        guest, into = b.client(), b.client()
        _accrue(guest, 100, "a", NOW + 9 * DAY)
        spent = ledger.spend("t", guest.pk, 60, "s", NOW)
        ledger.move(guest.pk, into.pk, "m", NOW)
        guest.merged_into = into
        guest.save()
        ledger.refund("t", spent, 60, "r", NOW)
        assert (_balance(guest).available, _balance(into).available) == (0, 100)
        assert set(BonusLot.objects.filter(client=into).values_list("expires_at", flat=True)) == {NOW + 9 * DAY}
        assert ledger.audit() == []


@pytest.mark.django_db
class TestClawback:
    def test_it_takes_the_own_lot_then_others_then_makes_debt_that_the_next_credit_repays(self):
        anna = b.client()
        _accrue(anna, 30, "other")
        earned = _accrue(anna, 100, "own", NOW + 3 * DAY)
        ledger.spend("t", anna.pk, 90, "s", NOW)  # of the own lot: it burns first
        ledger.clawback("t", earned, 0, "c", NOW)
        assert _balance(anna) == ledger.Balance(available=0, pending=0, held=0, debt=60)
        _accrue(anna, 50, "n1")
        assert _balance(anna) == ledger.Balance(debt=10)
        _accrue(anna, 50, "n2")
        assert _balance(anna) == ledger.Balance(available=40)
        assert ledger.audit() == []

    def test_a_pending_lot_is_cut_before_it_ever_becomes_active(self):
        anna = b.client()
        earned = _accrue(anna, 100, "own", activates_at=NOW + DAY)
        ledger.clawback("t", earned, 40, "c", NOW)
        assert _balance(anna) == ledger.Balance(pending=40)

    def test_what_a_hold_reserves_is_not_touched(self):
        anna = b.client()
        earned = _accrue(anna, 100, "own")
        held = ledger.hold("t", anna.pk, 80, "h", NOW + DAY, NOW)
        ledger.clawback("t", earned, 0, "c", NOW)
        assert _balance(anna) == ledger.Balance(held=80, debt=80)
        ledger.capture(held, 80, NOW)
        assert _balance(anna) == ledger.Balance(debt=80)

    def test_what_burnt_unspent_is_not_owed_whenever_the_sweep_runs(self):
        for sweep in (False, True):
            anna = b.client()
            earned = _accrue(anna, 100, f"own{sweep}", NOW + DAY)
            later = NOW + 2 * DAY
            if sweep:
                ledger.burn_lapsed(later, ZONE)
            assert ledger.clawback("t", earned, 0, f"c{sweep}", later) is None
            assert _balance(anna, later).debt == 0

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cuts=st.lists(st.integers(0, 100), max_size=5), spent=st.integers(0, 100), other=st.integers(1, 60))
    def test_any_sequence_of_partial_refunds_equals_one_full_refund(self, cuts, spent, other):
        states = []
        for keeps in ([*sorted(cuts, reverse=True), 0], [0]):
            anna = b.client(consent=False)
            _accrue(anna, other, f"other{anna.pk}")
            earned = _accrue(anna, 100, f"own{anna.pk}", NOW + DAY)
            if spent:
                ledger.spend("t", anna.pk, spent, f"s{anna.pk}", NOW)
            for n, keep in enumerate(keeps):
                ledger.clawback("t", earned, keep, f"c{anna.pk}:{n}", NOW)
            states.append((_balance(anna), sorted(_left(anna).values())))
        assert states[0] == states[1]


@pytest.mark.django_db
class TestHolds:
    def test_held_bonuses_do_not_burn_before_the_deadline(self):
        anna = b.client()
        _accrue(anna, 100, "a", NOW + DAY)
        held = ledger.hold("t", anna.pk, 60, "h", NOW + 3 * DAY, NOW)
        later = NOW + 2 * DAY
        assert ledger.burn_lapsed(later, ZONE) == 1
        assert _left(anna) == {"a": 60}
        ledger.capture(held, 50, later)
        assert ledger.burn_lapsed(later, ZONE) == 1
        assert _left(anna) == {"a": 0}
        assert ledger.audit() == []

    def test_a_hold_past_its_deadline_reserves_nothing_though_nobody_looked(self):
        anna = b.client()
        _accrue(anna, 100, "a")
        held = ledger.hold("t", anna.pk, 100, "h", NOW + DAY, NOW)
        assert _balance(anna) == ledger.Balance(held=100)
        assert _balance(anna, NOW + DAY) == ledger.Balance(available=100)
        with pytest.raises(ledger.HoldExpired):
            ledger.capture(held, 1, NOW + DAY)
        ledger.spend("t", anna.pk, 100, "s", NOW + DAY)

    def test_a_hold_moves_with_its_client(self):
        guest, into = b.client(), b.client()
        _accrue(guest, 100, "a")
        held = ledger.hold("t", guest.pk, 60, "h", NOW + DAY, NOW)
        ledger.move(guest.pk, into.pk, "m", NOW)
        assert _balance(into) == ledger.Balance(available=40, held=60)
        ledger.capture(held, 60, NOW)
        assert _balance(into) == ledger.Balance(available=40)
        assert ledger.audit() == []


@pytest.mark.django_db
class TestCorrections:
    def test_a_correction_names_its_author_and_reason(self):
        anna, boss = b.client(), User.objects.create(username="boss")
        ledger.correct("admin", anna.pk, 50, "k", NOW, "sorry for the delay", boss.pk)
        operation = BonusOperation.objects.get()
        assert (operation.kind, operation.author, operation.reason) == ("correct", boss, "sorry for the delay")
        ledger.correct("admin", anna.pk, -20, "k2", NOW, "typo", boss.pk)
        assert _balance(anna).available == 30
        with pytest.raises(ledger.InsufficientBonuses):
            ledger.correct("admin", anna.pk, -31, "k3", NOW, "typo", boss.pk)

    @pytest.mark.parametrize(("amount", "reason", "field"), [(0, "x", "amount"), (5, " ", "reason")])
    def test_zero_and_no_reason_are_refused(self, amount, reason, field):
        with pytest.raises(ValueError, match=field):
            ledger.correct("admin", b.client().pk, amount, "k", NOW, reason, None)


@pytest.mark.django_db
class TestNews:
    def test_a_warning_is_one_event_a_client_and_day_and_comes_once(self):
        anna = b.client()
        end = ledger.lifetime_end(NOW, 10, ZONE)
        for n in range(2):
            _accrue(anna, 100, f"a{n}", end, warn_days=3)
        assert ledger.warn_expiring(end - 3 * DAY - timedelta(seconds=1), ZONE) == 0
        assert ledger.warn_expiring(end - 3 * DAY, ZONE) == 2
        assert ledger.warn_expiring(end - 2 * DAY, ZONE) == 0
        event = Event.objects.get(name="bonus.expiring")
        assert (event.client, event.payload["amount"]) == (anna, 200)

    def test_a_spent_lot_is_not_warned_of(self):
        anna = b.client()
        _accrue(anna, 100, "a", NOW + 5 * DAY, warn_days=3)
        ledger.spend("t", anna.pk, 100, "s", NOW)
        ledger.warn_expiring(NOW + 3 * DAY, ZONE)
        assert not Event.objects.filter(name="bonus.expiring").exists()

    def test_burning_is_told_once_a_client_and_day(self):
        anna = b.client()
        for n in range(3):
            _accrue(anna, 10, f"a{n}", NOW + DAY, notify_burn=n == 1)
        ledger.burn_lapsed(NOW + DAY, ZONE)
        event = Event.objects.get(name="bonus.expired")
        assert (event.payload["amount"], event.payload["notify"]) == (30, True)


@pytest.mark.django_db
class TestAudit:
    def test_a_right_ledger_passes(self):
        anna = b.client()
        _accrue(anna, 100, "a")
        out = StringIO()
        call_command("audit_ledger", stdout=out)
        assert out.getvalue() == "0 differences\n"

    def test_a_wrong_cache_is_named(self):
        anna = b.client()
        _accrue(anna, 100, "a")
        BonusAccount.objects.update(posted=90)
        out = StringIO()
        with pytest.raises(SystemExit) as stop:
            call_command("audit_ledger", json=True, stdout=out)
        assert stop.value.code == 1
        assert f'"client_id": {anna.pk}, "what": "account: posted", "stored": 90, "replayed": 100' in out.getvalue()


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    def test_a_lot_that_does_not_equal_its_entries_cannot_be_committed(self):
        anna = b.client()
        _accrue(anna, 100, "a")
        with pytest.raises(IntegrityError, match="does not equal its entries"), transaction.atomic():
            BonusLot.objects.update(remaining=50)
        with pytest.raises(IntegrityError, match="does not equal its entries"), transaction.atomic():
            BonusOperation.objects.create(
                client=anna, kind="accrue", amount=5, source="x", key="x", fingerprint="x", posted_at=NOW
            )


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def _threads(self, work, times, at_once=16):
        def run(number):
            try:
                work(number)
            except ledger.LedgerError as error:
                return type(error).__name__
            finally:
                connection.close()
            return "done"

        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(run, range(times)))

    def test_five_hundred_operations_each_reverted_twice_at_once(self):
        anna = b.client()
        _accrue(anna, 500, "a")
        spent = [ledger.spend("t", anna.pk, 1, f"s{n}", NOW) for n in range(500)]
        results = self._threads(lambda n: ledger.refund("t", spent[n // 2], 1, f"r{n}", NOW), 1000)
        assert (results.count("done"), results.count("TooMuch")) == (500, 500)
        assert _balance(anna).available == 500
        assert ledger.audit() == []

    def test_a_hundred_captures_of_one_hold(self):
        anna = b.client()
        _accrue(anna, 100, "a")
        held = ledger.hold("t", anna.pk, 100, "h", NOW + DAY, NOW)
        results = self._threads(lambda n: ledger.capture(held, 100, NOW), 100)
        assert (results.count("done"), results.count("HoldResolved")) == (1, 99)
        assert BonusHold.objects.get().captured == 100
        assert BonusEntry.objects.count() == 2

    def test_one_hot_account_never_goes_below_zero(self):
        anna = b.client()
        _accrue(anna, 1000, "a")

        def work(number):
            if number % 3 == 0:
                _accrue(anna, 5, f"k{number}")
            elif number % 3 == 1:
                ledger.spend("t", anna.pk, 40, f"k{number}", NOW)
            else:
                ledger.capture(ledger.hold("t", anna.pk, 30, f"k{number}", NOW + DAY, NOW), 20, NOW)

        results = self._threads(work, 192, at_once=32)
        assert set(results) <= {"done", "InsufficientBonuses"}
        assert _balance(anna).available >= 0
        assert ledger.audit() == []
