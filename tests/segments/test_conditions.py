"""Conditions: bounds, missing values, groups; the set and the single client agree (semantics §43–44)."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.models import AttributeCondition, EventCountCondition, Group, InSegment
from segments.services import membership
from segments.services.evaluate import matching
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)


def _holds(condition, *people, now=NOW):
    found = matching(condition, [person.pk for person in people], now)
    return [person.pk in found for person in people]


@pytest.mark.django_db
class TestEventCount:
    def test_both_ends_of_the_window_count(self):
        shop = b.source()
        people = [b.client() for _ in range(4)]
        moments = [NOW, NOW - 7 * DAY, NOW - 7 * DAY - timedelta(microseconds=1), NOW + timedelta(microseconds=1)]
        for person, at in zip(people, moments, strict=True):
            b.record_event(shop, "order.created", person, at)
        condition = EventCountCondition(event_name="order.created", count=1, days=7)
        assert _holds(condition, *people) == [True, True, False, False]

    @pytest.mark.parametrize(
        ("bound", "count", "expected"),
        [
            ("at_least", 0, [True, True, True]),
            ("at_least", 1, [False, True, True]),
            ("at_least", 2, [False, False, True]),
            ("at_most", 0, [True, False, False]),
            ("at_most", 1, [True, True, False]),
        ],
    )
    def test_bounds_are_inclusive_and_nobody_is_zero(self, bound, count, expected):
        shop = b.source()
        people = [b.client() for _ in range(3)]
        for times, person in enumerate(people):
            for _ in range(times):
                b.record_event(shop, "order.created", person)
        condition = EventCountCondition(event_name="order.created", bound=bound, count=count)
        assert _holds(condition, *people) == expected

    def test_it_says_itself(self):
        condition = EventCountCondition(event_name="order.created", count=2, days=90)
        assert condition.sentence() == "«Order placed» at least 2 times in the last 90 days"


@pytest.mark.django_db
class TestAttribute:
    @pytest.mark.parametrize(
        ("operator", "value", "expected"),
        [
            ("equals", "41", [True, False, False, False, False]),
            ("differs", "41", [False, True, True, True, True]),
            ("greater", "40", [True, True, False, False, False]),
            ("less", "42", [True, False, False, False, False]),
            ("filled", "", [True, True, True, True, False]),
            ("empty", "", [False, False, False, False, True]),
            ("contains", "l", [False, False, True, False, False]),
            ("equals", "true", [False, False, False, True, False]),
            ("true", "", [False, False, False, True, False]),
            ("at_least", "44.50", [False, True, False, False, False]),
            ("at_most", "41", [True, False, False, False, False]),
        ],
    )
    def test_custom_attributes_compare_by_their_type(self, operator, value, expected):
        people = [b.client(attributes=a) for a in ({"size": 41}, {"size": 44.5}, {"size": "XL"}, {"size": True}, {})]
        condition = AttributeCondition(attribute="attributes.size", operator=operator, value=value)
        condition.clean()
        assert _holds(condition, *people) == expected

    @pytest.mark.parametrize(
        ("operator", "value", "expected"),
        [
            ("before", "2026-03-10", [True, False, False, False]),
            ("since", "2026-03-10", [False, True, True, False]),
        ],
    )
    def test_dates_compare_by_the_day_as_written(self, operator, value, expected):
        values = ("2026-03-09", "2026-03-10T23:59:00+03:00", "2026-13-99", "soon")
        people = [b.client(attributes={"visit": value}) for value in values]
        condition = AttributeCondition(attribute="attributes.visit", operator=operator, value=value)
        condition.clean()
        assert _holds(condition, *people) == expected

    def test_birthday_compares_as_a_date(self):
        people = [b.client(birthday="1990-05-31"), b.client(birthday="2000-01-01"), b.client()]
        before = AttributeCondition(attribute="birthday", operator="before", value="2000-01-01")
        before.clean()
        assert _holds(before, *people) == [True, False, False]
        assert _holds(AttributeCondition(attribute="birthday", operator="empty"), *people) == [False, False, True]

    @pytest.mark.parametrize("value", ["Tea", "41"])
    def test_a_list_is_asked_for_its_items(self, value):
        people = [b.client(attributes={"x": x}) for x in (["tea", 41], ["teapot"], "tea", [], {"tea": 1})]
        condition = AttributeCondition(attribute="attributes.x", operator="includes", value=value)
        assert _holds(condition, *people) == [True, False, False, False, False]

    def test_an_empty_list_is_not_filled_in(self):
        people = [b.client(attributes={"x": x}) for x in ([], ["a"], "", None, 0, False)]
        condition = AttributeCondition(attribute="attributes.x", operator="filled")
        assert _holds(condition, *people) == [False, True, False, False, True, True]

    def test_profile_fields_compare_without_regard_to_case(self):
        people = [b.client(first_name="ANNA"), b.client(first_name=""), b.client(first_name="Boris")]
        assert _holds(AttributeCondition(attribute="first_name", operator="equals", value="anna"), *people) == [
            True,
            False,
            False,
        ]
        assert _holds(AttributeCondition(attribute="first_name", operator="empty"), *people) == [False, True, False]

    @pytest.mark.parametrize(
        ("attribute", "operator", "value", "field"),
        [
            ("password", "equals", "x", "attribute"),
            ("attributes.", "equals", "x", "attribute"),
            ("attributes.size", "greater", "big", "value"),
            ("first_name", "greater", "1", "operator"),
            ("first_name", "equals", "", "value"),
            ("attributes.size", "greater", "nan", "value"),
            ("attributes.size", "less", "1e999999", "value"),
            ("attributes.visit", "before", "31.12.2026", "value"),
            ("birthday", "contains", "5", "operator"),
        ],
    )
    def test_a_wrong_one_is_refused_by_field(self, attribute, operator, value, field):
        with pytest.raises(ValidationError) as error:
            AttributeCondition(attribute=attribute, operator=operator, value=value).clean()
        assert list(error.value.message_dict) == [field]


@pytest.mark.django_db
class TestGroups:
    def _group(self, mode, *members):
        group = Group(mode=mode)
        group.attached_members = list(members)
        return group

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [("all", [True, False, False]), ("any", [True, True, False]), ("none", [False, False, True])],
    )
    def test_modes(self, mode, expected):
        people = [
            b.client(gender="f", language="ru"),
            b.client(gender="f", language="en"),
            b.client(gender="m", language="en"),
        ]
        members = (
            AttributeCondition(attribute="gender", operator="equals", value="f"),
            AttributeCondition(attribute="language", operator="equals", value="ru"),
        )
        assert _holds(self._group(mode, *members), *people) == expected

    def test_none_of_holds_for_those_who_lack_the_attribute(self):
        bare, big = b.client(), b.client(attributes={"size": 50})
        small = AttributeCondition(attribute="attributes.size", operator="greater", value="40")
        assert _holds(self._group("none", small), bare, big) == [True, False]

    @pytest.mark.parametrize("mode", ["all", "any", "none"])
    def test_an_empty_group_holds_for_everybody(self, mode):
        assert _holds(self._group(mode), b.client()) == [True]

    def test_membership_and_its_negation(self):
        inside, outside, fans = b.client(), b.client(), b.segment()
        membership.add(fans.pk, {inside.pk: 0}, NOW)
        assert _holds(InSegment(segment=fans), inside, outside) == [True, False]
        assert _holds(InSegment(segment=fans, negated=True), inside, outside) == [False, True]


@pytest.mark.django_db
class TestMembership:
    def test_entering_and_leaving_are_events_and_happen_once(self):
        anna, fans = b.client(), b.segment("fans")
        assert [membership.add(fans.pk, {anna.pk: 0}, NOW) for _ in range(2)] == [1, 0]
        assert [membership.remove(fans.pk, {anna.pk: 0}, NOW) for _ in range(2)] == [1, 0]
        names = list(anna.event_set.order_by("id").values_list("name", "payload"))
        assert names == [("segment.entered", {"segment": "fans"}), ("segment.left", {"segment": "fans"})]


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("ab", max_size=2)), max_size=6),
    number=st.integers(-3, 3),
)
def test_a_comparison_of_numbers_holds_exactly_for_the_numbers_beyond_it(values, number):
    people = b.clients(len(values), consent=False)
    for person, value in zip(people, values, strict=True):
        person.attributes = {"x": value}
        person.save(update_fields=["attributes"])
    numbers = [value if isinstance(value, int) and not isinstance(value, bool) else None for value in values]
    for operator, beyond in (("greater", lambda v: v > number), ("less", lambda v: v < number)):
        condition = AttributeCondition(attribute="attributes.x", operator=operator, value=str(number))
        assert _holds(condition, *people) == [v is not None and beyond(v) for v in numbers]
