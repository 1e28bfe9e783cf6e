"""Dates, visits, places and events of the year (T45, T50–T56)."""

from datetime import date, datetime

from django.utils import timezone

from loyalty.models import Client, Store
from segments.models import Segment
from segments.services import drawing
from tests.scenarios.lives.life import Life, lives

MOSCOW = timezone.get_default_timezone()


@lives("T45")
def birthday(life: Life) -> None:
    yes, leaping = life.client(birthday=date(1990, 12, 8)), life.client(birthday=date(2004, 2, 29))
    no = life.client(birthday=date(1990, 6, 1))
    life.scenario  # noqa: B018
    life.till("2026-12-01 09:59")
    assert life.sent(yes) == []
    life.till("2026-12-01 10:00")
    assert (life.sent(yes), life.given(yes)) == (["email"], 500)
    life.till("2026-12-08 10:01")
    assert life.sent(yes) == ["email"] * 2
    life.till("2026-12-15 10:01")
    assert life.sent(yes) == ["email"] * 3
    # A birthday that is changed does not bring a second gift.
    life.tell("customer.updated", {"email": yes.email, "birthday": "1990-12-30"})
    life.till("2026-12-22 23:00")
    life.till("2026-12-23 11:00")
    assert life.given(yes) == 500
    life.got_nothing(no, "Nothing happened to the client")
    # 29 February is kept on the 28th of a common year: a week before is the 21st.
    life.till("2027-02-20 23:00")
    life.till("2027-02-21 10:00")
    assert life.given(leaping) == 500


@lives("T50")
def holidays(life: Life) -> None:
    life.tell("customer.registered", {"email": "yes@example.com", "gender": "female", "consents": {"email": True}})
    life.tell("customer.registered", {"email": "no@example.com", "gender": "male", "consents": {"email": True}})
    yes, no = life.named("yes@example.com"), life.named("no@example.com")
    life.scenario  # noqa: B018
    life.put("fans", yes, no)
    life.till("2026-12-01 11:00")
    assert (life.sent(yes), life.codes(yes)) == (["email"], 1)
    life.got_nothing(no, "equals «F»")
    life.till("2027-11-30 12:00")
    life.till("2027-12-01 11:00")
    assert life.codes(yes) == 2


@lives("T51")
def anniversary(life: Life) -> None:
    yes, no = (
        life.client(registered_at=datetime(2024, 12, day, 12, tzinfo=MOSCOW), attributes={"year_total": "5 000"})
        for day in (1, 20)
    )
    life.scenario  # noqa: B018
    life.till("2026-12-01 10:00")
    assert (life.sent(yes), life.given(yes), life.said(yes)) == (["email"], 500, "5 000")
    life.got_nothing(no, "Nothing happened to the client")


@lives("T52")
def next_visit(life: Life) -> None:
    yes, booked, late = (life.client(attributes={"visit_days": 30}) for _ in range(3))
    life.scenario  # noqa: B018
    for who in (yes, booked, late):
        life.tell("visit.completed", who, place="Arbat")
    life.go(days=10)
    life.tell("visit.booked", booked)
    life.till("2026-12-23 10:01")
    assert life.sent(yes) == ["email"]
    life.tell("visit.booked", late)
    life.go(days=5, minutes=2)
    assert [life.staff(who) for who in (yes, late)] == [1, 0]
    life.till("2026-12-29 10:01")
    assert (life.sent(yes), life.sent(late)) == (["email"] * 2, ["email"])
    life.got_nothing(booked, "visit.booked")


@lives("T53")
def in_time(life: Life) -> None:
    yes, late, unknown = (
        life.client(attributes=values) for values in ({"visit_due": "2026-12-14"}, {"visit_due": "2026-11-15"}, {})
    )
    life.scenario  # noqa: B018
    for who in (yes, late, unknown):
        life.tell("visit.completed", who, next_visit_at="2027-01-10")
    life.go(minutes=1)
    assert (life.sent(yes), life.given(yes), life.attribute(yes, "visit_due")) == (["email"], 100, "2027-01-10")
    life.got_nothing(late, "is «2026-11-15»; today is 2026-11-30")
    life.got_nothing(unknown, "is not filled in")
    assert life.attribute(late, "visit_due") == "2026-11-15"


@lives("T54")
def near_a_store(life: Life) -> None:
    Store.objects.create(name="Arbat", slug="arbat", latitude=55.752, longitude=37.5927, radius_m=300)
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.tell("location.updated", yes, latitude=55.753, longitude=37.593)
    life.tell("location.updated", no, latitude=55.8, longitude=37.65)
    life.go(minutes=1)
    assert life.sent(yes) == ["sms"]
    # Not oftener than once a week.
    life.go(days=2)
    life.tell("location.updated", yes, latitude=55.753, longitude=37.593)
    life.go(minutes=1)
    assert life.sent(yes) == ["sms"]
    life.got_nothing(no, "Nothing happened to the client")


@lives("T55")
def invitation(life: Life) -> None:
    yes, no, other = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    life.put("fans", yes, no)
    life.till("2026-12-01 11:00")
    life.go(hours=1)
    life.press(yes, "I will come")
    life.press(no, "Not this time")
    life.till("2027-01-30 10:01")
    assert (life.sent(yes), life.sent(no)) == (["email"] * 2, ["email"])
    life.go(days=3)
    assert life.sent(yes) == ["email"] * 3
    assert life.segments(yes) == {"fans"}
    life.got_nothing(other, "Nothing happened to the client")


@lives("T56")
def contest(life: Life) -> None:
    life.goods({"product_id": "P-1", "title": "Tea", "category": "Tea"})
    players: list[Client] = [life.client() for _ in range(3)]
    idle, other = life.pair()
    life.scenario  # noqa: B018
    life.put("fans", *players, idle)
    life.till("2026-12-01 11:00")
    for who in players:
        life.press(who, "I take part")
    life.till("2026-12-23 11:00")
    drawn = drawing.draw(Segment.objects.get(slug="players"), Segment.objects.get(slug="winners"), 1, life.now)
    life.till("2027-01-15 10:01")
    (winner,) = (who for who in players if who.pk in drawn)
    assert [(life.gifts(who), life.given(who)) for who in players if who != winner] == [([], 50)] * 2
    assert (life.gifts(winner), life.given(winner)) == (["Prize"], 0)
    assert [len(life.sent(who)) for who in players] == [2, 2, 2]
    assert (life.sent(idle), life.given(idle)) == (["email"] * 2, 0)
    life.got_nothing(other, "Nothing happened to the client")
