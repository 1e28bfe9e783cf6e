"""Conditions on who the client is: birthday, registration, consent, profile, place, time (semantics §44)."""

from datetime import UTC, date, datetime, time

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import ClientLocation, Store
from segments.conditions import (
    BirthdayCondition,
    ConsentCondition,
    LocalTimeCondition,
    NearDateCondition,
    NearStoreCondition,
    ProfileFilledCondition,
    RegistrationCondition,
)
from tests import builders as b
from tests.builders import NOW
from tests.segments.conditions.asking import DAY, TICK, holds, seen

pytestmark = pytest.mark.django_db


class TestBirthday:
    def test_both_days_count(self):
        people = [b.client(birthday=date(1990, 3, day)) for day in (8, 9, 10, 12, 13)]
        assert holds(BirthdayCondition(first=-1, last=2), *people) == [False, True, True, True, False]
        assert holds(BirthdayCondition(first=0, last=0), *people) == [False, False, True, False, False]
        assert holds(BirthdayCondition(first=2, last=3), *people) == [False, False, False, True, True]

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (datetime(2027, 2, 28, 12, tzinfo=UTC), True),
            (datetime(2027, 3, 1, 12, tzinfo=UTC), False),
            (datetime(2028, 2, 28, 12, tzinfo=UTC), False),
            (datetime(2028, 2, 29, 12, tzinfo=UTC), True),
        ],
    )
    def test_29_february_is_kept_on_the_28th_in_common_years(self, now, expected):
        assert holds(BirthdayCondition(), b.client(birthday=date(2004, 2, 29)), now=now) == [expected]

    def test_the_window_goes_over_new_year(self):
        now = datetime(2026, 12, 30, 12, tzinfo=UTC)
        people = [b.client(birthday=day) for day in (date(1990, 1, 2), date(1990, 12, 28), date(1990, 1, 5))]
        assert holds(BirthdayCondition(first=-2, last=5), *people, now=now) == [True, True, False]

    def test_today_is_the_clients_own(self):
        # 10 March 22:30 in UTC: the 11th in Moscow (the programme's), still the 10th in London.
        now = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
        store = Store.objects.create(name="L", slug="l", latitude=51.5, longitude=0, zone="Europe/London")
        people = [
            b.client(birthday=date(1990, 3, 10), zone="Europe/London"),
            b.client(birthday=date(1990, 3, 10)),
            b.client(birthday=date(1990, 3, 10), store=store),
            b.client(birthday=date(1990, 3, 11), store=store, zone="Asia/Tokyo"),
            b.client(birthday=date(1990, 3, 11), zone="No/Such"),
        ]
        assert holds(BirthdayCondition(), *people, now=now) == [True, False, True, True, True]

    def test_unknown_birthdays_are_none(self):
        nobody = b.client()
        assert holds(BirthdayCondition(first=-182, last=182), nobody) == [False]
        assert seen(BirthdayCondition(), nobody) == "birthday is not known"

    def test_it_says_itself(self):
        assert BirthdayCondition(first=0, last=0).sentence() == "birthday: today"
        assert BirthdayCondition(first=-1, last=7).sentence() == "birthday: from 1 day ago to 7 days ahead"

    def test_it_refuses_a_window_that_ends_before_it_begins(self):
        with pytest.raises(ValidationError, match="before the first day"):
            BirthdayCondition(first=1, last=0).clean()


class TestNearDate:
    """NOW is 10 March, 15:00 in Moscow."""

    def test_both_days_count_by_the_clients_own_calendar(self):
        days = ["2026-02-23", "2026-02-24", "2026-03-10", "2026-03-24T23:30:00+03:00", "2026-03-25"]
        people = [b.client(attributes={"due": day}) for day in days]
        assert holds(NearDateCondition(attribute="attributes.due"), *people) == [False, True, True, True, False]
        late = datetime(2026, 3, 9, 22, 30, tzinfo=UTC)
        one, other = (b.client(attributes={"due": "2026-03-10"}, zone=zone) for zone in ("", "Europe/London"))
        today = NearDateCondition(attribute="attributes.due", first=0, last=0)
        assert holds(today, one, other, now=late) == [True, False]

    def test_what_is_no_date_holds_for_nobody(self):
        values = [{}, {"due": ""}, {"due": "soon"}, {"due": 20260310}, {"due": None}, {"due": ["2026-03-10"]}]
        people = [b.client(attributes=value) for value in values]
        assert not any(holds(NearDateCondition(attribute="attributes.due"), *people))

    def test_it_says_itself_and_what_it_saw(self):
        condition = NearDateCondition(attribute="attributes.due", first=-14, last=14)
        assert condition.sentence() == "the date «due»: from 14 days ago to 14 days ahead"
        assert NearDateCondition(attribute="attributes.due", first=0, last=0).sentence() == "the date «due»: today"
        assert seen(condition, b.client(attributes={"due": "2026-01-01"})) == "is «2026-01-01»; today is 2026-03-10"
        assert seen(condition, b.client()) == "is not filled in"

    @pytest.mark.parametrize("wrong", [{"attribute": "first_name"}, {"attribute": "attributes.", "first": 0},
                                       {"attribute": "attributes.due", "first": 1, "last": 0}])  # fmt: skip
    def test_what_makes_no_sense_is_refused(self, wrong):
        with pytest.raises(ValidationError):
            NearDateCondition(**wrong).full_clean(exclude=["polymorphic_ctype", "parent"])


class TestRegistration:
    def test_bounds_are_included(self):
        moments = [NOW - 7 * DAY, NOW - 7 * DAY + TICK, NOW - 30 * DAY, NOW - 30 * DAY - TICK, None, NOW + TICK]
        people = [b.client(registered_at=at) for at in moments]
        assert holds(RegistrationCondition(at_least=7, at_most=30), *people) == [True, False, True, False, False, False]
        assert holds(RegistrationCondition(at_most=7), *people) == [True, True, False, False, False, False]

    def test_it_says_itself(self):
        assert RegistrationCondition(at_least=7, at_most=30).sentence() == "registered from 7 days to 30 days ago"
        assert RegistrationCondition(at_most=1).sentence() == "registered at most 1 day ago"
        assert seen(RegistrationCondition(at_most=1), b.client()) == "has not registered"


class TestConsent:
    def test_the_newest_word_decides_and_silence_is_no(self):
        yes, changed, silent = b.client(), b.client(), b.client(consent=False)
        b.agree(changed, granted=False)
        agreed = ConsentCondition(channel="email", topic="marketing")
        refused = ConsentCondition(channel="email", topic="marketing", negated=True)
        assert holds(agreed, yes, changed, silent) == [True, False, False]
        assert holds(refused, yes, changed, silent) == [False, True, True]
        assert [seen(agreed, person) for person in (yes, changed, silent)] == ["said yes", "said no", "never said"]

    def test_channel_and_topic_are_apart(self):
        person = b.client()
        assert holds(ConsentCondition(channel="push", topic="marketing"), person) == [False]
        assert holds(ConsentCondition(channel="email", topic="news"), person) == [False]


class TestProfileFilled:
    def test_all_or_something_missing(self):
        full = b.client(birthday=date(1990, 1, 1), attributes={"pet": "cat"})
        half = b.client(birthday=date(1990, 1, 1), attributes={"pet": ""})
        names = ["email", "birthday", "attributes.pet"]
        assert holds(ProfileFilledCondition(names=names), full, half) == [True, False]
        assert holds(ProfileFilledCondition(names=names, negated=True), full, half) == [False, True]
        assert seen(ProfileFilledCondition(names=names), half) == "missing: pet"

    @pytest.mark.parametrize("names", [[], ["password"], "email", [1]])
    def test_fields_that_do_not_exist_are_refused(self, names):
        with pytest.raises(ValidationError) as error:
            ProfileFilledCondition(names=names).clean()
        assert list(error.value.message_dict) == ["names"]


class TestNearStore:
    def _seen_at(self, latitude, longitude, at=NOW):
        person = b.client()
        ClientLocation.objects.create(client=person, latitude=latitude, longitude=longitude, located_at=at)
        return person

    def test_distance_is_along_the_great_circle(self):
        # A degree of longitude at 60° north is half of one at the equator: 55.6 km.
        store = Store.objects.create(name="North", slug="n", latitude=60, longitude=30)
        near = self._seen_at(60, 31)
        assert holds(NearStoreCondition(store=store, kilometres=56), near) == [True]
        assert holds(NearStoreCondition(store=store, kilometres=55), near) == [False]
        assert seen(NearStoreCondition(store=store, kilometres=56), near) == "55.6 km away"

    def test_any_store_is_one_that_is_open_for_business(self):
        Store.objects.create(name="Closed", slug="c", latitude=10, longitude=10, active=False)
        Store.objects.create(name="Open", slug="o", latitude=20, longitude=20)
        people = [self._seen_at(10, 10), self._seen_at(20, 20), b.client()]
        assert holds(NearStoreCondition(kilometres=1), *people) == [False, True, False]

    def test_places_grow_old(self):
        Store.objects.create(name="Open", slug="o", latitude=20, longitude=20)
        people = [self._seen_at(20, 20, at) for at in (NOW - DAY, NOW - DAY - TICK)]
        assert holds(NearStoreCondition(kilometres=1, days=1), *people) == [True, False]


class TestLocalTime:
    def test_from_is_included_and_to_is_not(self):
        person = b.client(zone="UTC")
        for now, expected in ((NOW, True), (NOW - TICK, False), (NOW.replace(hour=18), False)):
            assert holds(LocalTimeCondition(since=time(12), until=time(18)), person, now=now) == [expected]

    def test_it_is_the_clients_own_clock_and_weekday(self):
        # Tuesday noon in UTC: Wednesday 01:00 in Auckland.
        people = [b.client(zone="Pacific/Auckland"), b.client(zone="UTC")]
        assert holds(LocalTimeCondition(weekdays=[2]), *people) == [True, False]
        assert holds(LocalTimeCondition(since=time(22), until=time(6)), *people) == [True, False]
        assert seen(LocalTimeCondition(weekdays=[2]), people[0]) == "it is Wednesday, 01:00"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({}, "weekdays"),
            ({"since": time(9)}, "until"),
            ({"until": time(9)}, "since"),
            ({"since": time(9), "until": time(9)}, "until"),
        ],
    )
    def test_a_wrong_one_is_refused_by_field(self, values, field):
        with pytest.raises(ValidationError) as error:
            LocalTimeCondition(**values).clean()
        assert list(error.value.message_dict) == [field]
