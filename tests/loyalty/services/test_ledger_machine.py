"""The ledger against a model in plain Python: after every operation both say the same (semantics §30–38).

The model keeps lots, holds and debt in lists and knows nothing of SQL.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from loyalty.models import BonusAccount, BonusEntry, BonusLot
from loyalty.services import ledger
from loyalty.services.ledger import Grant
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)
ZONE = ZoneInfo("Europe/Moscow")
AMOUNTS = st.integers(1, 120)

_keys = count(1)


@dataclass
class Lot:
    id: int
    operation: int
    left: int
    activates_at: object
    expires_at: object
    granted: int
    burnt: int = 0


@dataclass
class Hold:
    id: int
    deadline: object
    parts: list[tuple[Lot, int]]
    open: bool = True


@dataclass
class Spending:
    operation: int
    parts: list[tuple[Lot, int]]
    returned: dict[int, int] = field(default_factory=dict)


class Ledger(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.now = NOW
        self.client = b.client(consent=False)
        self.lots: list[Lot] = []
        self.holds: list[Hold] = []
        self.spendings: list[Spending] = []
        self.clawed: dict[int, int] = {}
        self.debt = 0

    # The model.

    def held(self, lot):
        return sum(
            part
            for hold in self.holds
            if hold.open and hold.deadline > self.now
            for of, part in hold.parts
            if of is lot
        )

    def lapsed(self, lot):
        return lot.expires_at is not None and lot.expires_at <= self.now

    def usable(self):
        far = NOW + 100_000 * DAY
        lots = [lot for lot in self.lots if lot.activates_at <= self.now and not self.lapsed(lot)]
        lots.sort(key=lambda lot: (lot.expires_at or far, lot.activates_at, lot.id))
        return [(lot, lot.left - self.held(lot)) for lot in lots if lot.left > self.held(lot)]

    def available(self):
        return sum(free for _, free in self.usable())

    def take(self, amount):
        parts = []
        for lot, free in self.usable():
            if amount:
                parts.append((lot, min(free, amount)))
                amount -= parts[-1][1]
        return parts

    # What can happen.

    @rule(hours=st.sampled_from([1, 30, 24 * 4]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    @rule(amount=AMOUNTS, pending=st.sampled_from([0, 0, 2]), life=st.sampled_from([None, 1, 5, 20]))
    def accrue(self, amount, pending, life):
        activates_at = self.now + pending * DAY
        expires_at = life and activates_at + life * DAY
        operation = ledger.accrue(
            "t", Grant(self.client.pk, amount, f"k{next(_keys)}", activates_at, expires_at), self.now
        )
        repaid = min(self.debt, amount)
        self.debt -= repaid
        lot = BonusLot.objects.get(operation=operation)
        self.lots.append(Lot(lot.pk, operation, amount - repaid, activates_at, expires_at, amount))

    @rule(amount=AMOUNTS)
    def spend(self, amount):
        if amount > self.available():
            with pytest.raises(ledger.InsufficientBonuses):
                ledger.spend("t", self.client.pk, amount, f"k{next(_keys)}", self.now)
            return
        parts = self.take(amount)
        operation = ledger.spend("t", self.client.pk, amount, f"k{next(_keys)}", self.now)
        for lot, part in parts:
            lot.left -= part
        self.spendings.append(Spending(operation, parts))

    @rule(amount=AMOUNTS, hours=st.sampled_from([1, 40, 300]))
    def hold(self, amount, hours):
        deadline = self.now + timedelta(hours=hours)
        if amount > self.available():
            with pytest.raises(ledger.InsufficientBonuses):
                ledger.hold("t", self.client.pk, amount, f"k{next(_keys)}", deadline, self.now)
            return
        parts = self.take(amount)
        self.holds.append(
            Hold(ledger.hold("t", self.client.pk, amount, f"k{next(_keys)}", deadline, self.now), deadline, parts)
        )

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), amount=AMOUNTS)
    def capture(self, data, amount):
        hold = data.draw(st.sampled_from(self.holds))
        whole = sum(part for _, part in hold.parts)
        if not hold.open:
            expected = ledger.HoldResolved
        elif hold.deadline <= self.now:
            expected = ledger.HoldExpired
        elif amount > whole:
            expected = ledger.TooMuch
        else:
            operation = ledger.capture(hold.id, amount, self.now)
            hold.open, parts = False, []
            for lot, part in hold.parts:
                if amount:
                    parts.append((lot, min(part, amount)))
                    lot.left -= parts[-1][1]
                    amount -= parts[-1][1]
            self.spendings.append(Spending(operation, parts))
            return
        with pytest.raises(expected):
            ledger.capture(hold.id, amount, self.now)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data):
        hold = data.draw(st.sampled_from(self.holds))
        if hold.open:
            ledger.release(hold.id, self.now)
            hold.open = False
        else:
            with pytest.raises(ledger.HoldResolved):
                ledger.release(hold.id, self.now)

    @precondition(lambda self: self.spendings)
    @rule(data=st.data(), amount=AMOUNTS)
    def refund(self, data, amount):
        spending = data.draw(st.sampled_from(self.spendings))
        free = [(lot, part - spending.returned.get(lot.id, 0)) for lot, part in reversed(spending.parts)]
        if amount > sum(part for _, part in free):
            with pytest.raises(ledger.TooMuch):
                ledger.refund("t", spending.operation, amount, f"k{next(_keys)}", self.now)
            return
        ledger.refund("t", spending.operation, amount, f"k{next(_keys)}", self.now)
        living = []
        for lot, part in free:
            back = min(part, amount)
            amount -= back
            spending.returned[lot.id] = spending.returned.get(lot.id, 0) + back
            if self.lapsed(lot):
                lot.burnt += back
            elif back:
                lot.left += back
                living.append((lot, back))
        for lot, back in living:
            repaid = min(back, self.debt)
            lot.left -= repaid
            self.debt -= repaid

    @precondition(lambda self: self.lots)
    @rule(data=st.data(), keep=st.integers(0, 60))
    def clawback(self, data, keep):
        own = data.draw(st.sampled_from(self.lots))
        lost = own.burnt + (own.left if self.lapsed(own) else 0)
        due = own.granted - keep - self.clawed.get(own.operation, 0) - lost
        operation = ledger.clawback("t", own.operation, keep, f"k{next(_keys)}", self.now)
        if due <= 0:
            assert operation is None
            return
        self.clawed[own.operation] = self.clawed.get(own.operation, 0) + due
        far = NOW + 100_000 * DAY
        order = sorted(
            (lot for lot in self.lots if not self.lapsed(lot)),
            key=lambda lot: (
                lot is not own,
                lot.activates_at > self.now,
                lot.expires_at or far,
                lot.activates_at,
                lot.id,
            ),
        )
        for lot in order:
            taken = min(due, lot.left - self.held(lot))
            lot.left -= taken
            due -= taken
        self.debt += due

    @rule(amount=st.integers(-80, 80).filter(bool))
    def correct(self, amount):
        key = f"k{next(_keys)}"
        if amount < 0 and -amount > self.available():
            with pytest.raises(ledger.InsufficientBonuses):
                ledger.correct("t", self.client.pk, amount, key, self.now, "by hand", None)
            return
        parts = self.take(-amount) if amount < 0 else []
        operation = ledger.correct("t", self.client.pk, amount, key, self.now, "by hand", None)
        for lot, part in parts:
            lot.left -= part
        if amount > 0:
            repaid = min(self.debt, amount)
            self.debt -= repaid
            lot = BonusLot.objects.get(operation=operation)
            self.lots.append(Lot(lot.pk, operation, amount - repaid, self.now, None, amount))

    @rule()
    def sweep(self):
        before = ledger.balance(self.client.pk, self.now).available
        ledger.burn_lapsed(self.now, ZONE)
        assert ledger.burn_lapsed(self.now, ZONE) == 0
        assert ledger.balance(self.client.pk, self.now).available == before
        for lot in self.lots:
            if self.lapsed(lot):
                gone = lot.left - self.held(lot)
                lot.left -= gone
                lot.burnt += gone

    # What must hold after each.

    @invariant()
    def agrees(self):
        balance = ledger.balance(self.client.pk, self.now)
        assert (balance.available, balance.debt) == (self.available(), self.debt)
        assert balance.available >= 0
        stored = dict(BonusLot.objects.filter(client=self.client).values_list("pk", "remaining"))
        assert stored == {lot.id: lot.left for lot in self.lots}
        entries = BonusEntry.objects.filter(client=self.client).aggregate(s=Sum("amount"))["s"] or 0
        account = BonusAccount.objects.filter(client=self.client).first()
        assert entries == (account.posted if account else 0) == sum(stored.values()) - self.debt
        assert ledger.audit() == []
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


@pytest.mark.django_db
@pytest.mark.parametrize("examples", [40, pytest.param(1500, marks=pytest.mark.long)])
def test_the_ledger_agrees_with_its_model(examples):
    class Isolated(Ledger):
        def __init__(self):
            super().__init__()
            self.atomic = transaction.atomic()
            self.atomic.__enter__()

        def teardown(self):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    run_state_machine_as_test(
        Isolated,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
