"""Dates of clients: birthdays, anniversaries, dates in attributes (semantics §7; T45, T51)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.models import DateTrigger, RunLog, ScenarioRun
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

pytestmark = pytest.mark.django_db

MOSCOW = timezone.get_default_timezone()
TEN = datetime(2026, 3, 10, 10, tzinfo=MOSCOW)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def _live(since=TEN - DAY / 2, **values):
    return started_by(DateTrigger, since, **values)


class TestBirthdays:
    def test_on_the_day_at_ten_by_the_clients_clock(self):
        anna = b.client(birthday=date(1990, 3, 10))
        b.client(birthday=date(1990, 3, 11))
        b.client()
        _live()
        scan(TEN - TICK)
        assert entered() == []
        scan(TEN)
        assert entered() == [(anna.pk, "birthday:2026")]
        assert ScenarioRun.objects.get().context["entry"] == {"date": "2026-03-10", "years": 36}

    @pytest.mark.parametrize(
        "zone", ["Asia/Vladivostok", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
    )
    def test_every_zone_has_its_own_ten_o_clock(self, zone):
        anna = b.client(birthday=date(1990, 3, 10), zone=zone)
        ten = datetime(2026, 3, 10, 10, tzinfo=ZoneInfo(zone))
        _live(since=ten - DAY / 2)
        scan(ten - TICK)
        assert entered() == []
        scan(ten)
        assert entered() == [(anna.pk, "birthday:2026")]

    @pytest.mark.parametrize(
        ("side", "days", "occurrence"), [("before", 7, ":-7d"), ("on", 0, ""), ("after", 7, ":+7d")]
    )
    def test_days_before_and_after(self, side, days, occurrence):
        shift = {"before": 7, "on": 0, "after": -7}[side]
        anna = b.client(birthday=(TEN + shift * DAY).date().replace(year=1990))
        _live(side=side, days=days)
        scan(TEN)
        assert entered() == [(anna.pk, f"birthday:2026{occurrence}")]

    def test_the_year_is_the_birthdays_own_though_the_gift_comes_in_december(self):
        anna = b.client(birthday=date(1990, 1, 3))
        at = datetime(2026, 12, 27, 10, tzinfo=MOSCOW)
        _live(since=at - DAY / 2, side="before", days=7)
        scan(at)
        assert entered() == [(anna.pk, "birthday:2027:-7d")]

    @pytest.mark.parametrize(("year", "day", "enters"), [(2026, 28, True), (2028, 28, False), (2028, 29, True)])
    def test_29_february_is_kept_on_the_28th_in_common_years(self, year, day, enters):
        b.client(birthday=date(1992, 2, 29))
        at = datetime(year, 2, day, 10, tzinfo=MOSCOW)
        _live(since=at - DAY / 2)
        scan(at)
        assert bool(entered()) is enters

    def test_both_the_28th_and_the_29th_are_kept_on_one_day_of_a_common_year(self):
        b.client(birthday=date(1992, 2, 29))
        b.client(birthday=date(1991, 2, 28))
        at = datetime(2026, 2, 28, 10, tzinfo=MOSCOW)
        _live(since=at - DAY / 2)
        scan(at)
        assert len(entered()) == 2

    @pytest.mark.parametrize(("days", "times"), [(329, 1), (331, 2)])
    def test_an_edited_birthday_gives_once_in_330_days(self, days, times):
        anna = b.client(birthday=date(1990, 3, 10))
        _live(parallel=True)
        scan(TEN)
        later = TEN + days * DAY
        anna.birthday = later.date().replace(year=1990)
        anna.save()
        scan(later - DAY / 2)
        scan(later)
        assert ScenarioRun.objects.count() == times
        assert RunLog.objects.filter(reason="too_soon").count() == 2 - times

    def test_a_birthday_once_a_year_every_year(self):
        b.client(birthday=date(1990, 3, 10))
        _live(parallel=True)
        for year in (2026, 2027, 2028):
            at = TEN.replace(year=year)
            scan(at - DAY / 2)
            scan(at)
        assert [occurrence for _, occurrence in entered()] == ["birthday:2026", "birthday:2027", "birthday:2028"]

    def test_a_day_without_ten_o_clock_takes_the_first_valid_minute(self):
        zone = ZoneInfo("America/New_York")
        b.client(birthday=date(1990, 3, 8), zone=zone.key)
        at = datetime(2026, 3, 8, 3, tzinfo=zone)  # 02:00 to 03:00 is skipped
        _live(since=at - DAY / 2, at=time(2, 30))
        scan(at.astimezone(UTC) - TICK)
        assert entered() == []
        scan(at.astimezone(UTC))
        assert len(entered()) == 1

    def test_a_repeated_hour_comes_once(self):
        zone = ZoneInfo("America/New_York")
        b.client(birthday=date(1990, 11, 1), zone=zone.key)
        _live(since=datetime(2026, 10, 31, 12, tzinfo=UTC), at=time(1, 30), parallel=True)
        for minutes in range(0, 180, 10):
            scan(datetime(2026, 11, 1, 5, tzinfo=UTC) + timedelta(minutes=minutes))
        assert RunLog.objects.count() == ScenarioRun.objects.count() == 1

    def test_a_client_who_was_merged_into_another_has_no_birthday(self):
        b.client(birthday=date(1990, 3, 10), merged_into=b.client())
        _live()
        scan(TEN)
        assert entered() == []

    def test_the_text_says_the_age(self):
        b.client(birthday=date(1990, 3, 10))
        draft = b.scenario()
        draft.triggers.all().delete()
        DateTrigger.objects.create(scenario=draft)
        b.sms(b.trunk(draft), body="{{ entry.years }} on {{ entry.date }}")
        b.live(draft, TEN - DAY / 2)
        scan(TEN)
        advance_due(TEN)
        assert Message.objects.get().body == "36 on 2026-03-10"


class TestOtherDates:
    @pytest.mark.parametrize("clock", [time(0), time(23, 59, 59)])
    def test_the_day_of_registration_is_the_clients_own(self, clock):
        zone = ZoneInfo("Asia/Vladivostok")
        anna = b.client(zone=zone.key, registered_at=datetime.combine(date(2026, 2, 8), clock, tzinfo=zone))
        _live(since=TEN - DAY, kept="registered", yearly=False, side="after", days=30)
        scan(datetime(2026, 3, 10, 10, tzinfo=zone))
        assert entered() == ([(anna.pk, "registered:2026-02-08:+30d")])

    def test_the_anniversary_of_the_registration_begins_a_year_later(self):
        anna = b.client(registered_at=TEN.replace(year=2024, hour=23))
        b.client(registered_at=TEN - timedelta(hours=3))
        _live(kept="registered")
        scan(TEN)
        assert entered() == [(anna.pk, "registered:2026")]
        assert ScenarioRun.objects.get().context["entry"]["years"] == 2

    def test_the_anniversary_of_the_first_purchase_is_not_that_of_a_later_one(self):
        shop, anna, boris, clara = b.source(), b.client(), b.client(), b.client()
        b.order(shop, anna, TEN.replace(year=2025))
        b.order(shop, anna, TEN.replace(year=2025, month=6))
        b.order(shop, boris, TEN.replace(year=2024, month=1))
        b.order(shop, boris, TEN.replace(year=2025))
        b.order(shop, clara, TEN.replace(year=2025), status="created")
        _live(kept="first_purchase")
        scan(TEN)
        assert entered() == [(anna.pk, "first_purchase:2026")]

    @pytest.mark.parametrize("value", ["2026-03-11", "2026-03-11T18:30:00+10:00", "2026-03-11 18:30"])
    def test_a_date_in_an_attribute_is_taken_as_it_is_written(self, value):
        anna = b.client(attributes={"visit": value})
        b.client(attributes={"visit": "2026-03-12"})
        b.client(attributes={"other": value})
        b.client(attributes={"visit": ["2026-03-11"]})
        _live(kept="attribute", attribute="visit", yearly=False, side="before", days=1)
        scan(TEN)
        assert entered() == [(anna.pk, "visit:2026-03-11:-1d")]

    def test_a_date_in_an_attribute_every_year(self):
        anna = b.client(attributes={"wedding": "2015-03-10"})
        _live(kept="attribute", attribute="attributes.wedding")
        scan(TEN)
        assert entered() == [(anna.pk, "wedding:2026")]


@pytest.mark.parametrize(
    "values",
    [
        {"side": "before", "days": 0},
        {"kept": "attribute"},
        {"side": "after", "days": 331},
    ],
)
def test_what_makes_no_sense_is_refused(values):
    with pytest.raises(ValidationError):
        DateTrigger(**values).full_clean(exclude=["scenario", "polymorphic_ctype", "conditions"])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "Birthday: on the day, at 10:00 of the client's clock"),
        ({"side": "before", "days": 7}, "Birthday: 7 days before, at 10:00 of the client's clock"),
        (
            {"kept": "registered", "yearly": False, "side": "after", "days": 30, "at": time(9, 30)},
            "Day of registration: 30 days after, at 09:30 of the client's clock",
        ),
        (
            {"kept": "attribute", "attribute": "visit", "yearly": False},
            "Date «visit»: on the day, at 10:00 of the client's clock",
        ),
    ],
)
def test_it_says_itself(values, sentence):
    assert DateTrigger(**values).sentence() == sentence
