"""Codes that are clients' numbers, enciphered."""

from hypothesis import given
from hypothesis import strategies as st

from loyalty.models.referral import new_key
from loyalty.services.promo.codes import ALPHABET
from loyalty.services.referral_codes import LENGTH, client_of, code_of

KEY = "0123456789abcdef0123456789abcdef"
CLIENTS = st.integers(0, 2**32 - 1)


@given(CLIENTS)
def test_a_code_leads_to_its_client_however_it_is_typed(client_id):
    code = code_of(client_id, KEY)
    assert len(code) == LENGTH
    assert set(code) <= set(ALPHABET)
    assert client_of(f" {code[:5].lower()}-{code[5:]}", KEY) == client_id


@given(st.text())
def test_any_text_is_a_code_or_nobodys(text):
    found = client_of(text, KEY)
    assert found is None or code_of(found, KEY)


def test_codes_are_unique_and_say_nothing_of_their_order():
    codes = [code_of(number, KEY) for number in range(5000)]
    assert len(set(codes)) == 5000
    assert codes != sorted(codes)
    assert len({code[-1] for code in codes[:100]}) > 5


def test_another_installation_has_other_codes_and_made_up_ones_are_nobodys():
    codes = [code_of(number, new_key()) for number in range(2000)]
    # One in 4096 of all codes that can be written is somebody's.
    assert sum(client_of(code, KEY) is not None for code in codes) < 10
