"""A request's bytes become JSON that PostgreSQL can hold, at a bounded cost."""

import json
import math
import re
import zlib
from typing import Any

import orjson
from django.utils.translation import gettext as _

from loyalty.intake.facts import Refused

MAX_DEPTH = 50
_GZIP = b"\x1f\x8b"
# orjson turns whole numbers above 64 bits into floats, which would mangle an id: such bodies go the slow way.
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_INT64 = range(-(2**63), 2**63)


class TooLarge(Exception):
    """The body exceeds the limit, as sent or after inflating."""


class NotJson(Refused):
    """The body is no JSON text."""


def inflate(body: bytes, limit: int, encoding: str = "") -> bytes:
    """The body after gunzipping, when it is gzip by its header or its first bytes; `limit` is in bytes.

    Stops as soon as the limit is passed, so that a gzip bomb costs no memory. Raises TooLarge, NotJson.
    """
    if encoding.strip().lower() != "gzip" and not body.startswith(_GZIP):
        if len(body) > limit:
            raise TooLarge
        return body
    parts: list[bytes] = []
    size = 0
    while body:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            part = stream.decompress(body, limit - size + 1)
        except zlib.error:
            raise NotJson("body", _("is not valid gzip")) from None
        size += len(part)
        if size > limit:
            raise TooLarge
        if not stream.eof:
            raise NotJson("body", _("is cut off gzip"))
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)


def parse(body: bytes) -> Any:
    """The JSON value of a body; whole numbers beyond 64 bits become text, so that no id loses a digit.

    What is valid JSON but cannot be stored passes here and is found by `check`, item by item, so that
    one bad item does not fail its batch. Raises NotJson.
    """
    if not _LONG_NUMBER.search(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # the standard parser takes lone surrogates, which the grammar allows, and words its errors better
    try:
        return json.loads(body.decode("utf-8"), parse_int=_exact, parse_constant=_constant)
    except UnicodeDecodeError:
        raise NotJson("body", _("is not valid UTF-8")) from None
    except RecursionError:
        raise NotJson("body", _("is nested too deeply")) from None
    except ValueError as error:
        raise NotJson("body", _("is not valid JSON: %(error)s") % {"error": error}) from None


def _exact(digits: str) -> int | str:
    if len(digits) > 20:
        return digits
    number = int(digits)
    return number if number in _INT64 else digits


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def check(value: Any, depth: int = 0) -> None:
    """Refuses what jsonb cannot hold (NUL, lone surrogates, infinite numbers) and nesting beyond MAX_DEPTH."""
    kind = type(value)
    if kind is str:
        if "\0" in value:
            raise Refused("", _("contains a NUL character"))
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Refused("", _("contains half of a surrogate pair")) from None
    elif kind is dict:
        if depth >= MAX_DEPTH:
            raise Refused("", _("is nested deeper than %(limit)s levels") % {"limit": MAX_DEPTH})
        for name, item in value.items():
            check(name, depth)
            try:
                check(item, depth + 1)
            except Refused as error:
                raise error.inside(name) from None
    elif kind is list:
        if depth >= MAX_DEPTH:
            raise Refused("", _("is nested deeper than %(limit)s levels") % {"limit": MAX_DEPTH})
        for n, item in enumerate(value):
            try:
                check(item, depth + 1)
            except Refused as error:
                raise error.inside(f"[{n}]") from None
    elif kind is float and not math.isfinite(value):
        raise Refused("", _("must be a finite number"))
