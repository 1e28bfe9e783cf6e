"""Part C: those who stay away, and RFM (T24–T31)."""

from datetime import timedelta

from loyalty.models import Client
from tests.scenarios.lives.life import Life, lives
from tests.segments import rfm_shop

TEA = {"product_id": "P-1", "title": "Tea", "category": "Tea", "price": "80", "currency": "RUB"}


def _buyers(life: Life) -> list[Client]:
    """Five buyers whom the shop knows, from the best to the worst; scored."""
    people = rfm_shop.base(life.now)
    for who in people:
        rfm_shop.b.agree(who)
        rfm_shop.b.identify(life.shop, who)
    life.past()
    return people


@lives("T24")
def win_back(life: Life) -> None:
    life.goods(TEA)
    yes, no = life.pair()
    for days in (20, 10):
        for who in (yes, no):
            life.buy(who, at=life.now - timedelta(days=days))
    life.past()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.buy(who)
    life.go(days=40)
    life.buy(no)
    life.go(days=6)
    assert life.sent(yes) == ["email"]
    life.go(days=8)
    assert (life.sent(yes), life.codes(yes)) == (["email"] * 2, 1)
    life.go(days=14)
    assert (life.sent(yes), life.given(yes)) == (["email"] * 3, 500)
    life.got_nothing(no, "waits to enter")
    life.go(days=14)
    assert life.attribute(yes, "winback_failed") == 1


@lives("T25")
def alarm_clock(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.tell("page.viewed", who)
    life.go(days=100)
    life.tell("page.viewed", no)
    life.go(days=81)
    assert life.sent(yes) == ["email"]
    life.go(days=8)
    assert life.sent(yes) == ["email", "sms"]
    life.got_nothing(no, "waits to enter")


@lives("T26")
def why_did_you_leave(life: Life) -> None:
    sour, sweet, silent = (life.client(attributes={"winback_failed": 2}) for _ in range(3))
    no = life.client(attributes={"winback_failed": 1})
    life.scenario  # noqa: B018
    life.put("fans", sour, sweet, silent, no)
    life.till("2026-12-01 11:00")
    assert life.sent(sour) == ["email"]
    life.survey(sour, score="2")
    life.survey(sweet, score="9")
    life.go(hours=1)
    assert [life.given(who) for who in (sour, sweet, silent)] == [200, 200, 0]
    assert [life.staff(who) for who in (sour, sweet, silent)] == [1, 0, 0]
    life.go(days=14)
    assert [life.segments(who) for who in (sour, silent)] == [{"fans"}, {"fans", "gone"}]
    life.got_nothing(no, "winback_failed is at least «2»")


@lives("T27")
def burning_bonuses_wake(life: Life) -> None:
    life.goods(TEA)
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.buy(who, goods={"product_id": "P-2", "title": "Cup", "category": "Cups"})
    life.earn(yes, 300, days=40)
    life.earn(no, 300, days=90)
    life.go(days=30, hours=1)
    assert life.sent(yes) == ["email"]
    assert life.said(yes).startswith("300 Tea")
    life.got_nothing(no, "bonuses burn within 14 days")


@lives("T28")
def shorter_interval(life: Life) -> None:
    _buyers(life)
    best, yes = _buyers(life)[0], life.client()
    life.buy(yes, at=life.now - timedelta(days=12))
    life.past()
    life.scenario  # noqa: B018
    life.buy(yes)
    life.buy(best)
    life.till("2026-12-01 10:00")
    life.till("2026-12-10 10:00")
    assert life.sent(yes) == ["email"]
    life.got_nothing(best, "in the RFM band «Average»")


@lives("T29")
def the_best_come_back(life: Life) -> None:
    people = _buyers(life)
    yes, no = people[4], people[3]
    life.scenario  # noqa: B018
    for _ in range(12):
        life.buy(yes)
    life.till("2026-12-01 00:30")
    life.till("2026-12-01 12:00")
    assert (life.sent(yes), life.gifts(yes)) == (["email"], ["Coffee"])
    life.got_nothing(no, "Nothing happened to the client")


@lives("T30")
def bring_a_friend(life: Life) -> None:
    people = _buyers(life)
    yes, no = people[0], people[4]
    life.scenario  # noqa: B018
    life.put("fans", yes, no)
    life.till("2026-12-01 11:00")
    assert life.sent(yes) == ["email"]
    assert "/ref/" in life.said(yes)
    life.got_nothing(no, "in the RFM band «Best»")


@lives("T31")
def the_worst_wake_up(life: Life) -> None:
    people = _buyers(life)
    yes, no = people[4], people[0]
    life.scenario  # noqa: B018
    life.put("fans", yes, no)
    life.till("2026-12-07 10:00")
    life.till("2026-12-07 11:00")
    assert (life.sent(yes), life.given(yes)) == (["email"], 500)
    life.till("2026-12-18 11:30")
    life.till("2026-12-19 11:30")
    assert life.sent(yes) == ["email"] * 2
    life.till("2026-12-22 12:00")
    assert life.sent(yes) == ["email"] * 3
    life.got_nothing(no, "in the RFM band «Worst»")
