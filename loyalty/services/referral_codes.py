"""Referral codes: a client's number, enciphered. Nothing is stored, so a million clients have theirs at once.

A code is ten symbols without look-alikes. Whoever makes one up hits a client once in four thousand times
at most, and then gives that client a present.
"""

from hashlib import blake2b

from loyalty.services.promo.codes import ALPHABET, normalise

LENGTH = 10  # symbols: 22¹⁰ is above 2⁴⁴
_HALF = 22  # bits of a half
_MASK = (1 << _HALF) - 1
_CHECK = 12  # bits that have to be zero
_ROUNDS = 4


def _round(half: int, number: int, key: bytes) -> int:
    digest = blake2b(half.to_bytes(4, "big"), digest_size=4, key=key, salt=bytes([number])).digest()
    return int.from_bytes(digest, "big") & _MASK


def code_of(client_id: int, key: str) -> str:
    """The code of a client. Raises ValueError for a client beyond 2³²."""
    if not 0 <= client_id < 1 << (2 * _HALF - _CHECK):
        raise ValueError(f"client_id: {client_id} has no code")
    value = client_id << _CHECK
    left, right = value >> _HALF, value & _MASK
    for number in range(_ROUNDS):
        left, right = right, left ^ _round(right, number, key.encode())
    value = left << _HALF | right
    symbols = ""
    for _place in range(LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        symbols += ALPHABET[digit]
    return symbols


def client_of(text: str, key: str) -> int | None:
    """The client whose code this is, however it is typed; None where it is nobody's."""
    code = normalise(text[:100])
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        return None
    value = 0
    for symbol in reversed(code):
        value = value * len(ALPHABET) + ALPHABET.index(symbol)
    if value >> (2 * _HALF):
        return None
    left, right = value >> _HALF, value & _MASK
    for number in reversed(range(_ROUNDS)):
        left, right = right ^ _round(left, number, key.encode()), left
    value = left << _HALF | right
    return None if value & ((1 << _CHECK) - 1) else value >> _CHECK
