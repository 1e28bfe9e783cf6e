"""What a code looks like, and when two are the same (semantics §42)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.services.promo.codes import ALPHABET, generate, normalise, pretty

GENERATED = st.text(ALPHABET, min_size=12, max_size=12)
# What people put between, and the letters they type for those they read.
NOISE = st.sampled_from(["", " ", "-", "—", "\u00a0", "\u200b", "."])
TWINS = {"0": "OoОо0", "1": "IiLl1", "A": "AaАа", "E": "EeЕеЁё", "K": "KkКк", "P": "PpРр", "C": "CcСс", "X": "XxХх"}


@given(st.text())
def test_normalising_twice_is_normalising_once(text):
    assert normalise(normalise(text)) == normalise(text)


@given(GENERATED, st.lists(NOISE, min_size=12, max_size=12), st.lists(st.booleans(), min_size=12, max_size=12))
def test_case_spaces_and_dashes_make_no_difference(code, noise, lower):
    typed = "".join(
        (letter.lower() if small else letter) + between
        for letter, between, small in zip(code, noise, lower, strict=True)
    )
    assert normalise(typed) == normalise(code) == code


@given(st.text("01AEKPCX", min_size=4, max_size=20), st.data())
def test_look_alikes_are_one_letter(code, data):
    typed = "".join(data.draw(st.sampled_from(TWINS[letter])) for letter in code)
    assert normalise(typed) == code


@given(GENERATED, GENERATED)
def test_different_generated_codes_stay_different(one, other):
    assert (normalise(one) == normalise(other)) == (one == other)


def test_generated_codes_have_no_look_alikes_and_read_in_groups_of_four():
    codes = generate(2000, 12)
    assert len(set(codes)) == 2000
    assert {len(code) for code in codes} == {12}
    assert not set("".join(codes)) & set("0O1IL2Z5S8B")
    assert pretty("ACDEFGHJKMNP") == "ACDE-FGHJ-KMNP"


@pytest.mark.parametrize(
    ("typed", "normal"), [("весна 20", "BECHA20"), ("Sale-10", "SA1E10"), ("①②", "12"), ("- ", "")]
)
def test_codes_of_shops(typed, normal):
    assert normalise(typed) == normalise(normal)


def test_symbols_are_equally_likely():
    symbols = "".join(generate(20_000, 12))
    counts = [symbols.count(symbol) for symbol in ALPHABET]
    mean = len(symbols) / len(ALPHABET)
    # χ² with 21 degrees of freedom: above 60 once in 100,000 fair draws.
    assert sum((count - mean) ** 2 / mean for count in counts) < 60
