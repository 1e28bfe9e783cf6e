"""Values as shops write them, and what becomes of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.intake import read
from loyalty.intake.facts import Refused

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(), st.from_regex(r"-?\d+[.eE]\d+")
)
ANYTHING = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(), SCALARS, max_size=2))


@pytest.mark.parametrize(
    ("given_value", "currency", "minor"),
    [
        ("19.99", "USD", 1999),
        (18.99, "USD", 1899),
        (19, "USD", 1900),
        ("1500", "JPY", 1500),
        ("1.2345", "KWD", 1235),
        ("0.005", "USD", 1),
        ("0", "USD", 0),
        (16.666666666666668, "EUR", 1667),
        ("", "USD", None),
        (None, "USD", None),
    ],
)
def test_money_becomes_minor_units_without_a_float(given_value: Any, currency: str, minor: int | None) -> None:
    assert read.money(given_value, currency, "price") == minor


@pytest.mark.parametrize(
    "given_value",
    ["-0.01", -1, "1e400", "NaN", "Infinity", float("inf"), "12,50", "1_000", True, [], {}, "9" * 30, "9" * 70, 10**20],
)
def test_money_that_is_none_is_refused_by_its_field(given_value: Any) -> None:
    with pytest.raises(Refused) as refused:
        read.money(given_value, "USD", "lines[0].price")
    assert refused.value.field == "lines[0].price"


def test_an_amount_in_units_reads_back_as_itself() -> None:
    assert read.in_units(1999, "USD") == "19.99"
    assert read.in_units(5, "USD") == "0.05"
    assert read.in_units(1500, "JPY") == "1500"
    assert read.in_units(1235, "KWD") == "1.235"


def test_currency_is_known_or_refused() -> None:
    assert read.currency("usd", "RUB", "currency") == "USD"
    assert read.currency(None, "RUB", "currency") == "RUB"
    for unknown in ("BTC", "XQZ", "рубль", "US"):
        with pytest.raises(Refused):
            read.currency(unknown, "RUB", "currency")


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("2024-08-03T18:28:37.234647458Z", datetime(2024, 8, 3, 18, 28, 37, 234647, tzinfo=UTC)),
        ("2012-02-13T14:39:37-05:00", datetime(2012, 2, 13, 19, 39, 37, tzinfo=UTC)),
        ("2017-03-22T19:28:02", datetime(2017, 3, 22, 19, 28, 2, tzinfo=UTC)),
        ("2017-03-22 19:28:02", datetime(2017, 3, 22, 19, 28, 2, tzinfo=UTC)),
        ((NOW + timedelta(minutes=9)).isoformat(), NOW),
    ],
)
def test_times_are_read_in_utc(given_value: str, expected: datetime) -> None:
    assert read.moment(given_value, "timestamp", NOW) == expected


@pytest.mark.parametrize("given_value", [1700000000000, "1700000000000", 1700000000, 1700000000.0])
def test_epoch_is_read_where_it_is_allowed(given_value: Any) -> None:
    assert read.moment(given_value, "timestamp", NOW, epoch=True) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    with pytest.raises(Refused):
        read.moment(given_value, "timestamp", NOW)


@pytest.mark.parametrize(
    "given_value",
    [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1989-12-31T23:59:59Z",
        (NOW + timedelta(minutes=11)).isoformat(),
        "yesterday",
        "2026-02-30T00:00:00Z",
        -(10**15),
        10**18,
        True,
        [],
    ],
)
def test_times_that_cannot_be_are_refused(given_value: Any) -> None:
    with pytest.raises(Refused):
        read.moment(given_value, "timestamp", NOW, epoch=True)


def test_ids_are_kept_digit_by_digit() -> None:
    assert read.identifier(704912205188288575, "id") == "704912205188288575"
    assert read.identifier("007", "id") == "007"
    with pytest.raises(Refused):
        read.identifier(7.0491220518828858e17, "id")


@pytest.mark.parametrize("nobody", ["", "null", "undefined", "None", "[object Object]", None])
def test_what_scripts_send_for_no_id_names_nobody(nobody: Any) -> None:
    assert read.identifier(nobody, "userId") == ""


@pytest.mark.parametrize(
    ("given_value", "regions", "e164", "quality"),
    [
        ("+7 912 345-67-89", (), "+79123456789", "valid"),
        ("8 (912) 345-67-89", ("RU",), "+79123456789", "valid"),
        ("0113 496 0123", ("", "GB", "RU"), "+441134960123", "valid"),
        ("555-625-1199", ("US",), "+15556251199", "doubtful"),
        ("(555) 555-5555", ("us",), "+15555555555", "doubtful"),
        ("555-555-SHIP", ("US",), "", "unusable"),
        ("доб. 12", ("RU",), "", "unusable"),
        ("12", ("RU",), "", "unusable"),
        ("+999999999999999999999", ("RU",), "", "unusable"),
        ("79123456789", ("XX", ""), "", "unusable"),
    ],
)
def test_phones_come_dirty(given_value: str, regions: tuple[str, ...], e164: str, quality: str) -> None:
    phone = read.phone(given_value, "phone", *regions)
    assert phone is not None
    assert (phone.given, phone.e164, phone.quality) == (given_value, e164, quality)


def test_an_unusable_email_is_no_name() -> None:
    assert read.email(" Bob.Norman@HostMail.com ", "email") == "bob.norman@hostmail.com"
    for unusable in ("bob", "bob@", "a" * 250 + "@example.com", "", None):
        assert read.email(unusable, "email") == ""


def test_birthday_is_of_somebody_alive() -> None:
    assert str(read.birthday("1990-05-31T00:00:00Z", "birthday", NOW)) == "1990-05-31"
    for wrong in ("0000-01-01", "9999-01-01", "1890-01-01", "31.05.1990", 1990):
        with pytest.raises(Refused):
            read.birthday(wrong, "birthday", NOW)


def test_long_ids_of_deliveries_become_their_hash() -> None:
    assert read.key("545ebdd4-b7be") == "545ebdd4-b7be"
    assert len(read.key("x" * 5000)) < read.ID_LENGTH
    assert read.key("a\0b").startswith("sha256:")


@given(ANYTHING)
def test_no_value_breaks_a_reader(value: Any) -> None:
    """Whatever JSON can hold is read or refused."""
    readers = [
        lambda: read.money(value, "USD", "f"),
        lambda: read.quantity(value, "f"),
        lambda: read.moment(value, "f", NOW, epoch=True),
        lambda: read.identifier(value, "f"),
        lambda: read.text(value, "f"),
        lambda: read.currency(value, "USD", "f"),
        lambda: read.email(value, "f"),
        lambda: read.phone(value, "f", "RU"),
        lambda: read.birthday(value, "f", NOW),
        lambda: read.gender(value, "f"),
        lambda: read.flag(value, "f"),
        lambda: read.address(value, "f", 10),
        lambda: read.mapping(value, "f"),
        lambda: read.sequence(value, "f"),
    ]
    for reader in readers:
        try:
            reader()
        except Refused as refused:
            assert refused.field == "f"  # noqa: PT017 (a refusal is one of the two right answers)


@given(st.integers(0, read.MAX_AMOUNT), st.sampled_from(["USD", "JPY", "KWD", "RUB"]))
def test_every_amount_survives_its_text(amount: int, currency: str) -> None:
    assert read.money(read.in_units(amount, currency), currency, "f") == amount or amount > read.MAX_AMOUNT


@given(st.decimals(0, 10**8, places=3))
def test_quantities_keep_three_digits(number: Decimal) -> None:
    assert read.quantity(str(number), "f") == number
    assert Decimal(read.plain(number)) == number
