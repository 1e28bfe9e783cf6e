"""When a store is open: by its own clock, over midnight, with breaks."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import Store

MOSCOW_NOON = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)  # a Tuesday


def store(hours, **values):
    return Store(**{"name": "Arbat", "slug": "arbat", "latitude": 55.75, "longitude": 37.59, "hours": hours} | values)


def at(hour, minute=0, day=10):
    """A moment by Moscow's clock (UTC+3) in March 2026; the 10th is a Tuesday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC).astimezone(UTC).replace(hour=hour) - (
        datetime(2026, 1, 1, 3, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (at(8, 59), False),
        (at(9), True),
        (at(12, 59), True),
        (at(13), False),  # the end is not a part
        (at(14), True),
        (at(18), False),
        (at(10, day=11), False),  # no hours on Wednesday
    ],
)
def test_open_from_the_first_minute_to_before_the_last(moment, is_open):
    assert store({"tue": [["09:00", "13:00"], ["14:00", "18:00"]]}).is_open(moment) is is_open


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins():
    bar = store({"tue": [["18:00", "02:00"]]})
    assert bar.is_open(at(18))
    assert bar.is_open(at(1, 59, day=11))
    assert not bar.is_open(at(2, day=11))
    assert not bar.is_open(at(1, day=10))  # Monday has none


def test_a_whole_day_and_a_store_of_another_zone():
    assert store({"tue": [["00:00", "24:00"]]}).is_open(at(23, 59))
    far = store({"tue": [["09:00", "18:00"]]}, zone="Asia/Vladivostok")
    assert not far.is_open(MOSCOW_NOON)  # 19:00 there
    assert far.is_open(at(10))  # 17:00 there


def test_without_hours_a_store_is_open_and_when_closed_down_it_never_is():
    assert store({}).is_open(at(3))
    assert not store({}, active=False).is_open(at(3))


@pytest.mark.parametrize(
    "hours",
    [
        [],
        {"someday": []},
        {"mon": "09:00–18:00"},
        {"mon": [["09:00"]]},
        {"mon": [["9", "18:00"]]},
        {"mon": [["09:60", "18:00"]]},
        {"mon": [["09:00", "24:01"]]},
        {"mon": [["09:00", "09:00"]]},
        {"mon": [["09:00", "13:00"], ["12:00", "18:00"]]},
        {"mon": [["18:00", "02:00"], ["23:00", "24:00"]]},
        {"mon": [[None, "18:00"]]},
        {"mon": [5]},
        {"mon": [["２:00", "18:00"]]},
    ],
)
def test_hours_that_make_no_sense_are_not_saved(hours):
    with pytest.raises(ValidationError):
        store(hours).save()
