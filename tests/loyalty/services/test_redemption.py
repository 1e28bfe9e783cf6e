"""How many bonuses an order may be paid with (semantics §39)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.money import apportion
from loyalty.services.basket import Goods, Item
from loyalty.services.redemption import Bound, Spending, limit


def _limit(items, available, **values):
    found = limit([Item(item) if isinstance(item, int) else item for item in items], available, Spending(**values))
    return found.bonuses, found.money, found.bound


def test_the_largest_share_of_the_order():
    assert _limit([1000_00], 500, max_share=Decimal(30)) == (300, 300_00, Bound.SHARE)


def test_the_balance():
    assert _limit([1000_00], 200, max_share=Decimal(30)) == (200, 200_00, Bound.BALANCE)
    assert _limit([1000_00], 0) == (0, 0, Bound.BALANCE)


def test_an_order_below_the_minimum_is_paid_in_money():
    assert _limit([999_99], 500, min_order=1000_00) == (0, 0, Bound.MINIMUM)
    assert _limit([1000_00], 500, min_order=1000_00)[0] == 500


def test_excluded_goods_are_paid_in_money():
    unpayable = Goods(brands=frozenset({"gift card"}))
    items = [Item(600_00, brand="Gift card"), Item(400_00)]
    assert _limit(items, 999, unpayable=unpayable) == (400, 400_00, Bound.GOODS)
    assert _limit(items, 999, unpayable=unpayable, max_share=Decimal(50)) == (200, 200_00, Bound.SHARE)


def test_blocks():
    assert _limit([1000_00], 250, block=100) == (200, 200_00, Bound.BLOCK)
    assert _limit([1000_00], 250_55, block=100, scale=2) == (200_00, 200_00, Bound.BLOCK)


def test_a_bonus_may_be_worth_a_part_of_a_unit():
    assert _limit([10_00], 99, value=Decimal("0.3")) == (33, 9_90, Bound.NONE)
    assert _limit([100], 99, value=Decimal("1.5"), digits=0) == (66, 99, Bound.NONE)


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    st.integers(0, 10**9),
    st.decimals("0.0001", 100, places=4),
    st.decimals(0, 100, places=2),
    st.sampled_from([0, 2]),
    st.integers(0, 500),
)
def test_bonuses_are_never_worth_more_than_what_they_may_pay_for(totals, available, value, share, scale, block):
    bonuses, money, _bound = _limit(totals, available, value=value, max_share=share, scale=scale, block=block)
    assert 0 <= bonuses <= available
    assert 0 <= money <= sum(totals) * share / 100
    assert not block or bonuses % (block * 10**scale) == 0


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=8), st.integers(0, 10**12))
def test_apportioning_conserves_the_total_and_stays_within_one_of_the_exact_part(weights, total):
    if not any(weights):
        total = 0
    parts = apportion(total, weights)
    assert sum(parts) == total
    whole = sum(weights) or 1
    assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize(("total", "weights"), [(1, [0, 0]), (-1, [1]), (1, [2, -1])])
def test_apportioning_refuses_what_has_no_answer(total, weights):
    with pytest.raises(ValueError, match="apportion"):
        apportion(total, weights)
