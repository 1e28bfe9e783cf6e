"""What a promo code looks like, and when two of them are the same (semantics §42)."""

import secrets
import unicodedata

# 22 symbols, none of which is taken for another: no 0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V. Twelve of them are 53 bits.
ALPHABET = "34679ACDEFGHJKMNPRTWXY"
MIN_LENGTH = 4  # of an uploaded code, normalised: shops bring their own
MAX_LENGTH = 32

# What people type for what they read, after upper-casing: 0 for O, 1 for I and L, and Cyrillic letters for Latin ones.
_LOOK_ALIKES = str.maketrans("OILАВЕЗКМНОРСТУХ", "011ABE3KMH0PCTYX")

_BYTES = bytes(range(256))
_FAIR = 256 - 256 % len(ALPHABET)  # bytes from here on would favour the first symbols
_UNFAIR = _BYTES[_FAIR:]
_SYMBOLS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in _BYTES)


def normalise(text: str) -> str:
    """The form in which codes are compared: upper case, letters and digits alone, look-alikes as one.

    Empty where nothing is left. Normalising twice is normalising once.
    """
    if text.isascii():
        return "".join(filter(str.isalnum, text)).upper().translate(_LOOK_ALIKES)
    # Decomposed and without marks, so that nothing composes anew once what stood between is gone.
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).upper()).upper()
    return "".join(filter(str.isalnum, plain)).translate(_LOOK_ALIKES)


def generate(count: int, length: int) -> list[str]:
    """`count` codes of `length` symbols from the system's CSPRNG, without dashes. A repetition is possible
    in theory: the caller's unique index refuses it."""
    symbols = b""
    while len(symbols) < count * length:
        symbols += secrets.token_bytes(count * length + 64).translate(_SYMBOLS, _UNFAIR)
    text = symbols.decode()
    return [text[start : start + length] for start in range(0, count * length, length)]


def pretty(code: str) -> str:
    """A generated code as people read it best: in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
