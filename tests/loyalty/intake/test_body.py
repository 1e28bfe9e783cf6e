"""Bytes become JSON that PostgreSQL can hold, at a bounded cost."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.intake import body
from loyalty.intake.facts import Refused

LIMIT = 100_000


def test_gzip_is_known_by_its_header_and_by_its_first_bytes() -> None:
    packed = gzip.compress(b'{"a": 1}')
    assert body.inflate(packed, LIMIT, "gzip") == b'{"a": 1}'
    assert body.inflate(packed, LIMIT) == b'{"a": 1}'
    assert body.inflate(packed + gzip.compress(b" "), LIMIT) == b'{"a": 1} '


def test_a_gzip_bomb_costs_no_memory() -> None:
    bomb = gzip.compress(b"0" * 200_000_000)
    tracemalloc.start()
    with pytest.raises(body.TooLarge):
        body.inflate(bomb, LIMIT, "gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert len(body.inflate(b"0" * LIMIT, LIMIT)) == LIMIT
    assert len(body.inflate(gzip.compress(b"0" * LIMIT), LIMIT)) == LIMIT
    for over in (b"0" * (LIMIT + 1), gzip.compress(b"0" * (LIMIT + 1))):
        with pytest.raises(body.TooLarge):
            body.inflate(over, LIMIT)


_EMPTY = gzip.compress(b"{}")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(_EMPTY[:-4], id="cut off"),
        pytest.param(b"\x1f\x8bnot gzip", id="only its first bytes"),
        pytest.param(_EMPTY + b"rubbish", id="rubbish behind it"),
    ],
)
def test_broken_gzip_is_said_to_be(broken: bytes) -> None:
    with pytest.raises(body.NotJson):
        body.inflate(broken, LIMIT)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b'{"a": "\xed\xa0"}', b"[" * 100_000, b"'a'"]
)
def test_what_is_no_json_is_said_to_be(text: bytes) -> None:
    with pytest.raises(body.NotJson) as refused:
        body.parse(text)
    assert refused.value.field == "body"
    assert refused.value.reason


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"9007199254740993", 9007199254740993),
        (b"9223372036854775807", 9223372036854775807),
        (b"9223372036854775808", "9223372036854775808"),
        (b"18446744073709551616", "18446744073709551616"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b"-9223372036854775809", "-9223372036854775809"),
        (b"1" * 5000, "1" * 5000),
    ],
)
def test_no_whole_number_loses_a_digit(text: bytes, value: int | str) -> None:
    assert body.parse(text) == value
    assert body.parse(b'{"id": %s}' % text) == {"id": value}


def deep(levels: int) -> object:
    value: object = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_fifty_levels_pass_and_one_more_does_not() -> None:
    body.check(deep(body.MAX_DEPTH))
    with pytest.raises(Refused):
        body.check(deep(body.MAX_DEPTH + 1))
    with pytest.raises(Refused):
        body.check(deep(900))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (rb'{"a": {"b": ["x", "y\u0000"]}}', "a.b[1]"),
        (rb'{"a": {"b\u0000": 1}}', "a"),
        (rb'{"a": "\ud800"}', "a"),
        (rb'{"\udfff": 1}', ""),
        (b'{"a": [1e400, "\\ud800"]}', "a[0]"),
    ],
)
def test_what_jsonb_cannot_hold_is_refused_by_its_place(text: bytes, field: str) -> None:
    with pytest.raises(Refused) as refused:
        body.check(body.parse(text))
    assert refused.value.field == field


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(raw: bytes) -> None:
    try:
        body.check(body.parse(body.inflate(raw, LIMIT)))
    except Refused:
        return
    json.loads(raw)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=20)
)
def test_what_was_written_is_what_is_read(value: object) -> None:
    def exact(item: object) -> object:
        if isinstance(item, list):
            return [exact(each) for each in item]
        big = isinstance(item, int) and not isinstance(item, bool) and not -(2**63) <= item < 2**64
        return str(item) if big else item

    read = body.parse(json.dumps(value).encode())
    assert read == exact(value) or any(2**63 <= n < 2**64 for n in _whole(value))


def _whole(value: object) -> list[int]:
    if isinstance(value, list):
        return [n for item in value for n in _whole(item)]
    return [value] if isinstance(value, int) else []
