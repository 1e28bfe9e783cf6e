"""Filters on an event's properties."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from scenarios import properties

ORDER = {
    "total": "1000.00",
    "currency": "RUB",
    "rating": 5,
    "first": True,
    "comment": "",
    "lines": [{"brand": "Hill", "quantity": 3, "tags": ["green", "loose"]}, {"brand": "Vale", "quantity": 1}],
}


def _row(name, operator, value=""):
    return {"name": name, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (_row("currency", "equals", "rub"), True),
        (_row("currency", "equals", "EUR"), False),
        (_row("total", "equals", "1000"), True),
        (_row("first", "equals", "true"), True),
        (_row("total", "greater", "999.99"), True),
        (_row("total", "greater", "1000"), False),
        (_row("total", "less", "1000.01"), True),
        (_row("total", "less", "1000"), False),
        (_row("currency", "greater", "1"), False),
        (_row("first", "greater", "0"), False),
        (_row("lines.brand", "equals", "vale"), True),
        (_row("lines.brand", "differs", "vale"), False),
        (_row("lines.brand", "differs", "oak"), True),
        (_row("lines.brand", "contains", "ILL"), True),
        (_row("lines.quantity", "greater", "2"), True),
        (_row("lines.tags", "equals", "loose"), True),
        (_row("lines", "filled"), False),
        (_row("rating", "filled"), True),
        (_row("comment", "filled"), False),
        (_row("comment", "empty"), True),
        (_row("nothing.at.all", "empty"), True),
        (_row("nothing", "differs", "x"), True),
        (_row("nothing", "equals", "x"), False),
    ],
)
def test_a_filter_compares_what_stands_at_its_path(row, holds):
    assert properties.hold([row], ORDER) is holds


def test_all_filters_have_to_hold():
    rows = [_row("total", "greater", "500"), _row("currency", "equals", "EUR")]
    assert not properties.hold(rows, ORDER)
    assert properties.hold(rows[:1], ORDER)
    assert properties.hold([], {})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.sampled_from(["a", "b"]), inner)),
       st.sampled_from(properties.Operator.values))  # fmt: skip
def test_no_payload_makes_a_filter_raise(payload, operator):
    assert properties.hold([_row("a.b", operator, "1")], {"a": payload}) in (True, False)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [[]],
        [{"name": "", "operator": "equals", "value": "x"}],
        [{"name": "total", "operator": "like", "value": "x"}],
        [{"name": "total", "operator": "equals", "value": ""}],
        [{"name": "total", "operator": "greater", "value": "many"}],
        [{"name": "total", "operator": "greater", "value": "NaN"}],
        [{"name": "total", "operator": "equals", "value": 5}],
        [_row("total", "filled")] * (properties.MAX_FILTERS + 1),
    ],
)
def test_what_is_no_filter_is_refused(rows):
    with pytest.raises(ValidationError):
        properties.check(rows)


def test_filters_say_themselves():
    rows = [_row("total", "greater", "1000"), _row("coupons", "empty")]
    assert properties.with_filters("Order placed", rows) == (
        "«Order placed» (total is greater than «1000» and coupons is empty)"
    )
