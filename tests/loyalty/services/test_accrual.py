"""What an order earns (semantics §39–40): rules, one rounding, and what refunds leave of it."""

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.services.accrual import Rule, Standing, Terms, Why, compute, keep, left, share_spent
from loyalty.services.basket import Goods, Item

MOSCOW = ZoneInfo("Europe/Moscow")
# Tuesday, 15:00 in Moscow.
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
GOLD = Standing(1, "Gold", Decimal(5))
TERMS = Terms()


def percent(number=1, value="5", **values):
    return Rule(number, f"percent {number}", "percent", percent=Decimal(value), **values)


def steps(number=1, bonuses=1, per=10000, **values):
    return Rule(number, f"steps {number}", "steps", bonuses=Decimal(bonuses), per=per, **values)


def fixed(number=1, bonuses=100, **values):
    return Rule(number, f"fixed {number}", "fixed", bonuses=Decimal(bonuses), **values)


def factor(number=1, value="2", **values):
    return Rule(number, f"factor {number}", "factor", factor=Decimal(value), **values)


def earned(items, rules, spent=0, level=GOLD, at=AT, terms=TERMS):
    items = [Item(item) if isinstance(item, int) else item for item in items]
    shares = share_spent(items, [True] * len(items), spent)
    return compute(items, level, rules, shares, at, MOSCOW, terms)


def test_the_percent_of_the_level_is_taken_of_what_is_paid():
    rule = Rule(1, "cashback", "level")
    assert earned([100_00], [rule]).bonuses == 5
    assert earned([100_00], [rule], level=None).bonuses == 0
    assert earned([100_00], [rule], level=None).lines[0].refused == ((rule, Why.NO_LEVEL),)


def test_the_order_is_rounded_once_and_apportioned_to_lines():
    result = earned([19_90, 19_90, 19_90], [percent()])  # 0.995 each
    assert result.bonuses == 2
    assert [line.bonuses for line in result.lines] == [1, 1, 0]


def test_two_digits_of_a_bonus_keep_what_whole_bonuses_lose():
    assert earned([19_99], [percent()], terms=Terms(scale=2)).bonuses == 99


@pytest.mark.parametrize(("rounding", "bonuses"), [("floor", 1), ("half_up", 2), ("ceiling", 2)])
def test_rounding_is_a_setting(rounding, bonuses):
    assert earned([30_00], [percent()], terms=Terms(rounding=rounding)).bonuses == bonuses  # 1.5


def test_spent_bonuses_lower_the_basis():
    assert earned([100_00], [percent()], spent=40_00).bonuses == 3


def test_an_order_paid_wholly_with_bonuses_earns_nothing_even_by_a_fixed_rule():
    result = earned([100_00], [percent(1), fixed(2)], spent=100_00)
    assert result.bonuses == 0
    assert {why for _rule, why in result.lines[0].refused} == {Why.NOTHING_PAID}


def test_stackable_rules_sum_and_the_sum_is_rounded():
    # 0.75 + 0.75: rounded apart they would be nothing.
    assert earned([15_00], [percent(1), percent(2)]).bonuses == 1


def test_the_exclusive_rule_of_the_highest_priority_stands_alone():
    rules = [percent(1, "5"), percent(2, "7", exclusive=True, priority=1), percent(3, "10", exclusive=True, priority=2)]
    result = earned([100_00], rules)
    assert result.by_rule == {3: 10}
    assert set(result.lines[0].refused) == {(rules[0], Why.EXCLUDED), (rules[1], Why.EXCLUDED)}


def test_of_exclusive_rules_of_one_priority_the_older_wins():
    assert earned([100_00], [percent(2, "9", exclusive=True), percent(1, "1", exclusive=True)]).by_rule == {1: 1}


def test_an_exclusive_rule_stands_alone_only_on_its_goods():
    food = Item(100_00, category=7)
    rules = [percent(1), percent(2, "10", exclusive=True, goods=Goods(categories=frozenset({7})))]
    result = earned([food, 100_00], rules)
    assert [line.bonuses for line in result.lines] == [10, 5]
    assert result.lines[1].refused == ((rules[1], Why.GOODS),)


def test_multipliers_multiply_the_sum_and_each_other():
    assert earned([100_00], [percent(1), percent(2), factor(3, "2"), factor(4, "1.5")]).bonuses == 30


def test_a_multiplier_of_zero_excludes_goods():
    alcohol = Goods(brands=frozenset({"beer"}))
    result = earned([Item(50_00, brand="Beer"), 50_00], [percent(1, "10"), factor(2, "0", goods=alcohol)])
    assert [line.bonuses for line in result.lines] == [0, 5]


def test_goods_fit_by_category_product_or_brand():
    goods = Goods(frozenset({1}), frozenset({2}), frozenset({"acme"}))
    fits = [Item(1, category=1), Item(1, product=2), Item(1, brand="ACME")]
    assert all(item in goods for item in fits)
    assert Item(1, category=2, product=1, brand="") not in goods


@pytest.mark.parametrize(
    ("window", "why"),
    [
        ({"starts_at": datetime(2026, 3, 11, tzinfo=UTC)}, Why.NOT_YET),
        ({"ends_at": AT}, Why.OVER),
        ({"weekdays": frozenset({5, 6})}, Why.WEEKDAY),
        # 12:00 in UTC is 15:00 in the programme's zone.
        ({"hours": (time(9), time(15))}, Why.HOUR),
        ({"levels": frozenset({2})}, Why.LEVEL),
        ({"min_order": 100_01}, Why.MINIMUM),
    ],
)
def test_a_rule_says_why_it_gives_nothing(window, why):
    rule = percent(**window)
    result = earned([100_00], [rule])
    assert (result.bonuses, result.lines[0].refused) == (0, ((rule, why),))


def test_hours_may_reach_over_midnight():
    rule = percent(hours=(time(22), time(6)))
    at_23, at_7 = (datetime(2026, 3, 10, hour, tzinfo=UTC) for hour in (20, 4))
    assert earned([100_00], [rule], at=at_23).bonuses == 5
    assert earned([100_00], [rule], at=at_7).bonuses == 0


def test_a_minimum_is_what_is_paid_in_money():
    assert earned([100_00], [percent(min_order=100_00)]).bonuses == 5
    assert earned([100_00], [percent(min_order=100_00)], spent=1).bonuses == 0


def test_a_fixed_rule_gives_once_an_order():
    assert earned([10_00, 20_00, 30_00], [fixed()]).bonuses == 100


# Properties -----------------------------------------------------------------------------------------------------------

_amounts = st.decimals(0, 50, places=3)


@st.composite
def _rule(draw, number):
    kind = draw(st.sampled_from(["level", "percent", "steps", "fixed", "factor"]))
    return Rule(
        number,
        f"rule {number}",
        kind,
        percent=draw(_amounts),
        bonuses=draw(st.decimals(0, 500, places=2)),
        per=draw(st.integers(0, 500_00)),
        factor=draw(st.decimals(0, 5, places=3)),
        exclusive=draw(st.booleans()),
        priority=draw(st.integers(0, 3)),
        goods=draw(st.sampled_from([Goods(), Goods(categories=frozenset({1})), Goods(brands=frozenset({"a"}))])),
        min_order=draw(st.sampled_from([0, 0, 100_00])),
    )


_items = st.lists(
    st.builds(Item, st.integers(0, 10_000_00), category=st.sampled_from([None, 1, 2]), brand=st.sampled_from("Ab")),
    min_size=1,
    max_size=6,
)
_rules = st.integers(0, 5).flatmap(lambda n: st.tuples(*(_rule(number) for number in range(1, n + 1))))
_terms = st.builds(Terms, st.sampled_from([0, 2]), st.sampled_from([0, 2]), st.sampled_from(["floor", "half_up"]))


@given(_items, _rules, st.integers(0, 10_000_00), _terms)
def test_sums_are_conserved(items, rules, spent, terms):
    result = earned(items, rules, spent, terms=terms)
    assert result.bonuses == sum(line.bonuses for line in result.lines) == sum(result.by_rule.values())
    assert all(type(line.bonuses) is int and line.bonuses >= 0 for line in result.lines)
    exact = sum((part.bonuses for line in result.lines for part in line.parts), Decimal(0)).scaleb(terms.scale)
    assert abs(result.bonuses - exact) < 1
    assert sum(result.spent) == min(spent, sum(item.total for item in items))


@given(_items, st.lists(_rule(1), max_size=1), st.integers(0, 10_000_00), st.integers(0, 10_000_00))
def test_more_spent_never_earns_more(items, rules, spent, more):
    # Of one rule: with several, an order that falls below an exclusive rule's minimum falls under another rule.
    rules = [replace(rule, goods=Goods()) for rule in rules]
    assert earned(items, rules, spent + more).bonuses <= earned(items, rules, spent).bonuses


@given(_items, _rules, st.integers(0, 5_000_00), _terms, st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_any_partial_refunds_take_back_what_one_full_refund_does(items, rules, spent, terms, chance):
    result = earned(items, rules, spent, terms=terms)
    bases = [line.basis for line in result.lines]
    totals = [item.total for item in items]
    returned, elsewhere, kept = [0] * len(items), 0, result.bonuses
    assert _kept(result, bases, totals, returned, elsewhere, terms) == result.bonuses
    while sum(returned) + elsewhere < sum(totals):
        rest = sum(totals) - sum(returned) - elsewhere
        line = chance.randrange(len(items))
        if chance.random() < 0.5 and returned[line] < totals[line]:
            returned[line] += min(chance.randint(1, totals[line] - returned[line]), rest)
        else:
            elsewhere += chance.randint(1, rest)
        now_kept = _kept(result, bases, totals, returned, elsewhere, terms)
        assert now_kept <= kept, "a refund gave bonuses"
        kept = now_kept
    assert kept == 0


def _kept(result, bases, totals, returned, elsewhere, terms):
    return keep(bases, left(bases, totals, returned, elsewhere), result.fits, GOLD, terms)


@given(_items, _rules)
def test_what_a_line_does_not_earn_has_a_reason(items, rules):
    for line in earned(items, rules).lines:
        told = {part.rule.id for part in line.parts} | {rule.id for rule, _why in line.refused}
        silent = {rule.id for rule in rules if not rule.multiplies} - told
        # Silent are only rules that fit and came to nothing: zero percent, no full sum, a free line, times zero.
        assert all(not _worth(rule, line, items) for rule in rules if rule.id in silent)


def _worth(rule, line, items):
    product = Decimal(1)
    for multiplier in line.factors:
        product *= multiplier.factor
    if not line.basis or not product:
        return False
    return {
        "level": True,
        "percent": bool(rule.percent),
        "fixed": bool(rule.bonuses),
        "steps": bool(rule.bonuses and rule.per and line.basis >= rule.per),
    }[rule.kind]
