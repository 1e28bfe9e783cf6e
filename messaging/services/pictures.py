"""Codes as pictures: signed addresses of PNGs, which every mail reader shows (semantics §25).

Mail readers drop `data:` addresses and pictures made of CSS; an attached picture makes every message larger. An address
is fetched once, by the reader's own proxy. It carries the code itself with a proof, so that nothing is stored and
nobody makes this platform draw what they like.
"""

import struct
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from io import BytesIO

import segno
from django.conf import settings
from django.core.signing import BadSignature, Signer

KINDS = ("qr", "barcode")
MAX_CODE = 200  # characters
_SALT = "messaging.pictures"


class NoPicture(Exception):
    """An address that this platform did not give."""


class Undrawable(ValueError):
    """A code that cannot be drawn in this way."""


def address(kind: str, code: str) -> str:
    """Where the picture of a code is found. Raises Undrawable."""
    if not code or len(code) > MAX_CODE:
        raise Undrawable(f"a code of 1 to {MAX_CODE} characters is needed")
    if kind == "barcode" and not _in_code_128(code):
        raise Undrawable("a barcode holds Latin letters, digits and signs alone")
    token = urlsafe_b64encode(code.encode()).rstrip(b"=").decode()
    return f"{settings.PUBLIC_URL}/i/{kind}/{_signer(kind).sign(token)}.png"


def drawn(kind: str, signed: str) -> bytes:
    """The PNG. Raises NoPicture."""
    try:
        token = _signer(kind).unsign(signed)
        code = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (BadSignature, ValueError) as error:
        raise NoPicture from error
    return _qr(code) if kind == "qr" else _barcode(code)


def _signer(kind: str) -> Signer:
    return Signer(salt=f"{_SALT}.{kind}", sep=".")


def _qr(code: str) -> bytes:
    picture = BytesIO()
    segno.make(code, error="m", micro=False).save(picture, kind="png", scale=8, border=4)
    return picture.getvalue()


# Code 128 (ISO/IEC 15417): widths of bars and gaps in turn, by value; then its start (set B) and stop.
_WIDTHS = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222"
    " 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321"
    " 232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121"
    " 313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224"
    " 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111"
    " 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113"
    " 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232"
).split()
_START_B, _STOP = 104, "2331112"
_MODULE, _HEIGHT, _QUIET = 2, 90, 10  # pixels a module, pixels of height, modules of margin


def _in_code_128(code: str) -> bool:
    return all(" " <= letter <= "~" for letter in code)


def modules(code: str) -> str:
    """The bars of a code, one symbol a module: 1 black, 0 white. In set B, with the check symbol."""
    values = [ord(letter) - 32 for letter in code]
    check = (_START_B + sum(place * value for place, value in enumerate(values, 1))) % 103
    widths = "".join(_WIDTHS[value] for value in (_START_B, *values, check)) + _STOP
    return "".join("10"[place % 2] * int(width) for place, width in enumerate(widths))


def _barcode(code: str) -> bytes:
    bars = "0" * _QUIET + modules(code) + "0" * _QUIET
    row = "".join(("1" if bar == "0" else "0") * _MODULE for bar in bars)
    padded = row + "0" * (-len(row) % 8)
    line = b"\0" + int(padded, 2).to_bytes(len(padded) // 8, "big")
    header = struct.pack(">IIBBBBB", len(row), _HEIGHT, 1, 0, 0, 0, 0)  # one bit a pixel, 1 is white
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(line * _HEIGHT, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
