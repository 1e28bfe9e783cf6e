"""Short signed tokens of the addresses that messages carry: numbers and a proof, for SMS as well (semantics §26).

A token holds no address to go to, so that nobody can make this platform lead anywhere (no open redirect).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from enum import Enum
from functools import cache
from hashlib import blake2b
from hmac import compare_digest

from django.conf import settings

MAX_LENGTH = 64  # symbols of a token; ours are 16 to 30


class Forged(Exception):
    """A token that was not given by this platform, or was cut off on its way."""


class Purpose(Enum):
    """What a token is for, and how many bytes prove it: what only counts may be shorter than what acts."""

    LINK = ("link", 6)
    OPEN = ("open", 6)
    PREFERENCES = ("preferences", 12)
    BUTTON = ("button", 12)
    SIGN_UP = ("sign-up", 12)
    CONFIRM = ("confirm", 12)
    STAFF = ("staff", 12)

    @property
    def proof_length(self) -> int:
        """Bytes of the proof."""
        return self.value[1]


def sign(purpose: Purpose, *numbers: int) -> str:
    """A token that says these numbers, each 0 or above."""
    said = b"".join(_packed(number) for number in numbers)
    return urlsafe_b64encode(said + _proof(purpose, said, settings.SECRET_KEY)).rstrip(b"=").decode()


def read(purpose: Purpose, token: str) -> tuple[int, ...]:
    """The numbers of a token; tokens of SECRET_KEY_FALLBACKS are still good. Raises Forged."""
    if not token.isascii() or len(token) > MAX_LENGTH:
        raise Forged
    try:
        whole = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise Forged from None
    # One spelling of every token: the last symbol may hold bits that say nothing.
    if urlsafe_b64encode(whole).rstrip(b"=").decode() != token:
        raise Forged
    said, proof = whole[: -purpose.proof_length], whole[-purpose.proof_length :]
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not said or not any(compare_digest(proof, _proof(purpose, said, str(key))) for key in keys):
        raise Forged
    return tuple(_unpacked(said))


def preferences_url(client_id: int, message_id: int = 0) -> str:
    """Where a client unsubscribes and chooses topics; with the message that leads there, if one does."""
    return f"{settings.PUBLIC_URL}/u/{sign(Purpose.PREFERENCES, client_id, message_id)}"


def confirm_url(letter: int) -> str:
    """Where a client confirms what one message asked about (double opt-in)."""
    return f"{settings.PUBLIC_URL}/c/{sign(Purpose.CONFIRM, letter)}"


def _proof(purpose: Purpose, said: bytes, secret: str) -> bytes:
    return blake2b(said, digest_size=purpose.proof_length, key=_key(purpose.value[0], secret)).digest()


@cache
def _key(purpose: str, secret: str) -> bytes:
    return blake2b(secret.encode(), digest_size=32, person=purpose.encode()).digest()


def _packed(number: int) -> bytes:
    """Seven bits a byte, the last one without its highest bit."""
    packed = bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def _unpacked(said: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in said:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0
