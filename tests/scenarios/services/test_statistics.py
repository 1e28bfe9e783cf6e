"""The statistics of results, against published figures and at their edges (semantics §50)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.services.statistics import (
    Arm,
    Sample,
    bootstrap,
    certainty,
    difference,
    needed,
    relative,
    wilson,
)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998) 873–890, Table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(one, other, low, high):
    found = difference(Arm(*one), Arm(*other))

    assert (found.low, found.high) == pytest.approx((low, high), abs=0.00006)
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])


def test_wilsons_interval_is_the_published_one():
    # Newcombe, Statistics in Medicine 17 (1998) 857–872, Table I, method 3.
    for converted, clients, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        found = wilson(Arm(converted, clients))
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.00006)
    assert wilson(Arm(29, 29)).high == 1.0
    assert wilson(Arm(29, 29)).low == pytest.approx(0.8830, abs=0.00006)


def test_of_nobody_nothing_is_known():
    assert (wilson(Arm(0, 0)).low, wilson(Arm(0, 0)).high) == (0, 1)
    found = difference(Arm(0, 0), Arm(0, 0))
    assert (found.value, found.low, found.high) == (0, -1, 1)
    assert found.covers_zero
    assert relative(Arm(0, 10), Arm(5, 10)) is None
    assert relative(Arm(5, 10), Arm(0, 0)) is None
    assert certainty(Arm(0, 0), Arm(1, 2)) == 0.0


_ARM = st.integers(1, 2000).flatmap(lambda n: st.integers(0, n).map(lambda x: Arm(x, n)))


@given(_ARM, _ARM)
def test_the_estimate_lies_in_its_interval_and_swapping_arms_mirrors_it(one, other):
    found, mirrored = difference(one, other), difference(other, one)

    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low))
    if ratio := relative(one, other):
        assert ratio.low <= ratio.value + 1e-9
        assert ratio.value <= ratio.high + 1e-9
        assert ratio.low > -1


def test_relative_uplift_is_that_of_the_log_ratio():
    # 104/11037 against 189/11034, the aspirin trial (Agresti): ratio 0.55, 0.43 to 0.70.
    found = relative(Arm(104, 11037), Arm(189, 11034))

    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-0.450, -0.567, -0.302), abs=0.001)
    everybody = relative(Arm(10, 10), Arm(3, 3))
    assert everybody is not None
    assert (everybody.value, everybody.low, everybody.high) == (0, 0, 0)


def test_the_clients_that_an_effect_needs():
    assert needed(0.5, 0.1) == 400
    assert needed(0.1, 0.02) == 3600
    assert needed(0.1, 0) is None
    assert needed(0, 0.1) is None


def test_the_bootstrap_agrees_with_the_normal_interval_and_repeats_itself():
    one = Sample(1000, 15.0, [10.0, 20.0] * 500)
    other = Sample(1000, 10.0, [0.0, 20.0] * 500)

    found = bootstrap(one, other, seed=1)

    assert found is not None
    # Standard error √(25/1000 + 100/1000) = 0.3536.
    assert (found.value, found.low, found.high) == pytest.approx((5, 5 - 0.693, 5 + 0.693), abs=0.08)
    assert bootstrap(one, other, seed=1) == found
    # The same values as a sample of a hundred times as many clients: a tenth of the width.
    many = bootstrap(Sample(100_000, 15.0, one.values), Sample(100_000, 10.0, other.values), seed=1)
    assert many is not None
    assert many.high - many.low == pytest.approx((found.high - found.low) / 10, rel=1e-9)
    assert bootstrap(one, Sample(0, 0.0, []), seed=1) is None
