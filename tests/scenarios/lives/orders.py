"""After an order (T46–T49), channels and forks (T57, T58), and what the market expects beside (X3–X12)."""

from datetime import timedelta

from messaging.models import Message
from tests import builders as b
from tests.messaging.sending import queue
from tests.scenarios.lives.life import Life, lives

TEA = {"product_id": "P-1", "title": "Tea", "category": "Tea"}


@lives("T46")
def thanks(life: Life) -> None:
    tea, cup, no = life.client(), life.client(), life.client(consent=False)
    life.scenario  # noqa: B018
    life.buy(tea, goods=TEA)
    life.buy(cup, goods={"product_id": "P-2", "title": "Cup", "category": "Cups"})
    life.buy(no, goods=TEA)
    life.go(minutes=1)
    assert (life.said(tea), life.said(cup)) == ("How to brew", "Hello, Anna!")
    life.got_nothing(no)
    assert life.withheld(no) == ["no_consent"]


@lives("T47")
def state_of_the_order(life: Life) -> None:
    yes, no = life.pair(consent=False)
    orders = [life.buy(who) for who in (yes, no)]
    life.past()
    life.scenario  # noqa: B018
    for who, order, status in ((yes, orders[0], "shipped"), (no, orders[1], "packed")):
        life.tell("order.updated", who, order_id=order, number="42", status=status)
    life.go(minutes=1)
    assert (life.sent(yes), life.said(yes)) == (["email"], "42")
    life.got_nothing(no, "does not fit what the trigger asks of the event")


@lives("T48")
def feedback(life: Life) -> None:
    sour, sweet, returned = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    orders = [life.buy(who) for who in (sour, sweet, returned)]
    life.go(days=2)
    life.tell("order.refunded", returned, order_id=orders[2], refund_id="r")
    life.go(days=3, minutes=1)
    assert life.sent(sour) == ["email"]
    life.survey(sour, score="1")
    life.survey(sweet, score="10")
    life.go(hours=1)
    assert (life.sent(sour), life.staff(sour)) == (["email"] * 2, 1)
    life.go(days=8)
    assert (life.sent(sweet), life.staff(sweet)) == (["email"], 0)
    life.buy(sweet)
    life.go(days=6)
    assert life.sent(sweet) == ["email"]
    life.got_nothing(returned, "Order refunded")


@lives("T49")
def bonus_for_a_review(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for rating in (5, 4):
        life.tell("review.created", yes, order_id="5001", product_id="P-1", rating=rating)
        life.go(minutes=1)
    assert (life.given(yes), life.sent(yes)) == (100, ["email"])
    life.tell("review.created", yes, order_id="5002", product_id="P-1", rating=5)
    life.go(minutes=1)
    assert life.given(yes) == 200
    life.got_nothing(no, "Nothing happened to the client")


@lives("T57")
def best_channel(life: Life) -> None:
    cold, reader, no = life.client(), life.client(), life.client(consent=False)
    earlier = queue(reader, now=life.now, channel="sms")
    life.tick()
    Message.objects.filter(pk=earlier.pk).update(first_clicked_at=life.now)
    life.now += timedelta(minutes=1)
    life.let_in(cold, reader, no)
    life.go(minutes=1)
    # No push is possible: e-mail first, and the SMS a day later to whoever did not open it.
    assert life.sent(cold) == ["email"]
    assert life.sent(reader) == ["sms", "sms"]
    life.go(days=1, minutes=1)
    assert life.sent(cold) == ["email", "sms"]
    life.got_nothing(no)
    assert set(life.withheld(no)) <= {"no_consent", "no_address"}


@lives("T58")
def if_then_else(life: Life) -> None:
    fan, gone, other, no = (life.client() for _ in range(4))
    life.scenario  # noqa: B018
    life.put("fans", fan)
    life.put("gone", gone)
    for who in (fan, gone, other):
        life.buy(who)
    life.go(minutes=1)
    got = [(life.sent(who), life.given(who), life.staff(who)) for who in (fan, gone, other)]
    assert got == [(["email"], 0, 0), ([], 500, 0), ([], 0, 1)]
    life.got_nothing(no, "Nothing happened to the client")


@lives("X3")
def level_lost(life: Life) -> None:
    for name, threshold in (("Base", 0), ("Gold", 3000)):
        b.level(name, threshold)
    b.programme(level_period="days", level_days=30)
    yes, no = life.pair()
    life.buy(yes, 5000)
    life.buy(no, 5000)
    life.past()
    life.scenario  # noqa: B018
    life.go(days=20)
    life.buy(no, 5000)
    life.go(days=11)
    life.go(days=1)
    assert life.sent(yes) == ["email"]
    life.got_nothing(no, "before the scenario was published")


@lives("X4")
def first_spending(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.earn(who, 100)
    life.go(days=3)
    life.spend(no, 10)
    life.go(days=12)
    assert life.sent(yes) == ["email"]
    life.got_nothing(no, "Bonuses spent")


@lives("X5")
def time_to_buy_again(life: Life) -> None:
    yes, no = life.pair()
    for days in (20, 10):
        life.buy(yes, at=life.now - timedelta(days=days))
    life.past()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.buy(who)
    life.go(days=10, hours=1)
    assert life.sent(yes) == ["email"]
    # Of somebody who bought once no interval is known.
    life.got_nothing(no, "does not fit what the trigger asks of the event")


@lives("X6")
def never_opens(life: Life) -> None:
    yes, reader, no = (life.client() for _ in range(3))
    for who in (yes, reader):
        for _ in range(5):
            queue(who, "email", now=life.now)
    life.past()
    life.open(reader)
    life.past()
    life.scenario  # noqa: B018
    life.put("fans", yes, reader, no)
    life.till("2026-12-01 11:00")
    assert len(life.sent(yes)) == 6
    life.go(days=15)
    assert life.segments(yes) == {"fans", "gone"}
    assert len(life.sent(reader)) == 5
    assert "message opened never in the last 180 days" in life.why_traced(reader)
    life.got_nothing(no, "message sent at least 5 times")


@lives("X7")
def nps(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.put("fans", yes)
    life.till("2026-12-01 11:00")
    life.survey(yes, score="9")
    for month in (1, 2):
        life.till(f"2027-0{month}-01 10:00")
        life.till(f"2027-0{month}-01 11:00")
    assert life.sent(yes) == ["email"]
    life.got_nothing(no, "Nothing happened to the client")


@lives("X8")
def came_back(life: Life) -> None:
    yes, no = life.pair(consent=False)
    orders = [life.buy(who) for who in (yes, no)]
    life.past()
    life.scenario  # noqa: B018
    life.tell("order.refunded", yes, order_id=orders[0], refund_id="r1", refunded="100", currency="RUB")
    life.go(minutes=1)
    assert life.sent(yes) == ["email"]
    life.got_nothing(no, "Nothing happened to the client")


@lives("X9")
def bad_review(life: Life) -> None:
    sour, missed, no = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    life.tell("review.created", sour, product_id="P-1", rating=2)
    life.tell("call.missed", missed)
    life.tell("review.created", no, product_id="P-1", rating=5)
    life.go(minutes=1)
    assert [life.staff(who) for who in (sour, missed, no)] == [1, 1, 0]
    assert "does not fit what the trigger asks of the event" in life.why_traced(no)


@lives("X10")
def app_installed(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.tell("app.installed", yes)
    life.tell("card.installed", yes)
    life.go(minutes=1)
    assert (life.given(yes), life.sent(yes)) == (100, ["email"])
    life.got_nothing(no, "Nothing happened to the client")


@lives("X11")
def became_active(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.earn(yes, 100, activates_at=life.now + timedelta(days=3))
    life.go(days=2)
    assert life.sent(yes) == []
    life.go(days=2)
    assert (life.sent(yes), life.said(yes)) == (["email"], "100")
    life.got_nothing(no, "Nothing happened to the client")


@lives("X12")
def favourites(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.tell("product.favourited", who, product_id="P-1", title="Tea")
    life.go(days=1)
    life.buy(no)
    life.go(days=2, minutes=1)
    assert (life.sent(yes), life.said(yes)) == (["email"], "Tea")
    life.got_nothing(no, "Order placed")
