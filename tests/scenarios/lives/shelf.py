"""News of goods, offers and recommendations (T16–T23), and what the market expects beside (X1, X2)."""

from scenarios.engine import holdout
from tests.scenarios.lives.life import Life, lives

TEA = {"product_id": "P-1", "title": "Tea", "category": "Tea", "price": "500", "currency": "RUB"}
SHOES = {"product_id": "S-1", "title": "Boots", "category": "Shoes", "price": "5000", "currency": "RUB"}
WAX = {"product_id": "W-1", "title": "Wax", "category": "Care", "price": "300", "currency": "RUB"}


def _news(life: Life, *changes: dict[str, object]) -> tuple[object, object, object]:
    """Who looked at tea, who looked and bought, who looked at something else; then the news of tea."""
    life.goods(TEA | {"stock": 20}, SHOES)
    yes, bought, other = (life.client() for _ in range(3))
    for who, goods in ((yes, TEA), (bought, TEA), (other, SHOES)):
        life.tell("product.viewed", who, **goods)
    life.buy(bought, goods=TEA)
    life.past()
    life.scenario  # noqa: B018
    for change in changes:
        life.go(minutes=1)
        life.tell("product.updated", **TEA | change)
    life.go(minutes=20)
    return yes, bought, other


def _told_once(life: Life, *changes: dict[str, object], words: str = "") -> None:
    yes, *others = _news(life, *changes)
    assert life.sent(yes) == ["email"]
    assert words in life.said(yes)
    for who in others:
        life.got_nothing(who, "Nothing happened to the client that would start the scenario")
    life.go(days=1)
    assert life.sent(yes) == ["email"]


@lives("T16")
def cheaper(life: Life) -> None:
    _told_once(life, {"price": "450"}, words="Tea")


@lives("X1")
def back(life: Life) -> None:
    _told_once(life, {"in_stock": False}, {"in_stock": True})


@lives("X2")
def runs_low(life: Life) -> None:
    _told_once(life, {"stock": 3}, words="Tea: 3")


@lives("T17")
def offers(life: Life) -> None:
    salt = life.scenario.salt
    people = [life.client() for _ in range(12)]
    held = [who for who in people if holdout.group(who.pk, salt, "5", 0)]
    no, *fans = [who for who in people if who not in held]
    life.put("fans", *fans, *held)
    life.till("2026-12-01 10:59")
    assert [life.sent(who) for who in fans] == [[]] * len(fans)
    life.till("2026-12-01 11:00")
    assert [life.sent(who) for who in fans] == [["email"]] * len(fans)
    for who in held:
        life.got_nothing(who, "control group")
    life.got_nothing(no, "Nothing happened to the client")


@lives("T18")
def recommendations(life: Life) -> None:
    life.goods(TEA, SHOES)
    yes, rare, silent = (life.client(consent=consent) for consent in (True, True, False))
    for who, times in ((yes, 4), (rare, 3), (silent, 4)):
        for _ in range(times):
            life.buy(who, goods=TEA)
    life.past()
    life.scenario  # noqa: B018
    life.put("fans", yes, rare, silent)
    life.till("2026-12-01 11:00")
    assert life.sent(yes) == ["email"]
    life.got_nothing(rare, "number of orders: at least 4")
    life.got_nothing(silent, "agreed to «marketing» by e-mail")
    life.till("2026-12-31 12:00")
    assert life.sent(yes) == ["email"]
    life.till("2027-01-01 11:00")
    assert life.sent(yes) == ["email"] * 2


@lives("T19")
def new_in_the_category(life: Life) -> None:
    yes, no = life.pair()
    life.goods(SHOES)
    life.buy(yes, goods=SHOES)
    life.past()
    life.scenario  # noqa: B018
    life.put("fans", yes, no)
    life.goods(SHOES | {"product_id": "S-2", "title": "Sandals"})
    life.till("2026-12-07 10:00")
    life.till("2026-12-07 11:00")
    assert life.sent(yes) == ["email"]
    assert "Sandals" in life.said(yes)
    life.got_nothing(no, "bought the category «Shoes» at least 1 time")


@lives("T20")
def goes_with_it(life: Life) -> None:
    life.goods(SHOES, WAX)
    yes, cared, other = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    life.buy(yes, goods=SHOES)
    life.buy(cared, goods=SHOES)
    life.buy(other, goods=TEA)
    life.go(days=1)
    life.buy(cared, goods=WAX)
    life.go(days=2, minutes=1)
    assert life.sent(yes) == ["email"]
    life.got_nothing(cared, "bought the category «Care» never")
    life.got_nothing(other, "does not fit what the trigger asks of the event")


@lives("T21")
def goes_with_the_order(life: Life) -> None:
    life.goods(TEA, SHOES)
    for _ in range(6):
        buyer = life.client()
        life.tell("order.created", buyer, order_id=f"both-{buyer.pk}", total="5500", status="paid", lines=[
            TEA | {"quantity": 1}, SHOES | {"quantity": 1}])  # fmt: skip
    life.past()
    yes, quiet, nameless = life.client(), life.client(consent=False), life.client(email="")
    life.scenario  # noqa: B018
    life.buy(yes, goods=TEA)
    life.buy(quiet, goods=TEA)
    life.tell("order.created", {"phone": nameless.phone}, order_id="N", total="1", status="created")
    life.go(minutes=1)
    assert (life.sent(yes), life.sent(quiet)) == (["email"], ["email"])
    # What is owed goes to everybody, what is advertised to those who agreed.
    assert life.said(quiet).startswith("Hello")
    life.got_nothing(nameless)
    assert life.withheld(nameless) == ["no_address"]


@lives("T22")
def chain_of_a_product(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for _ in range(2):
        life.buy(yes, goods={"product_id": "A-1", "title": "Big one", "category": "Aquariums"})
    life.buy(no, goods=TEA)
    life.go(minutes=1)
    assert life.sent(yes) == ["email"]
    life.go(hours=4)
    assert life.sent(yes) == ["email"] * 2
    life.go(days=1)
    assert life.sent(yes) == ["email"] * 3
    life.got_nothing(no, "does not fit what the trigger asks of the event")


@lives("T23")
def the_button_sorts(life: Life) -> None:
    yes, no, other = (life.client() for _ in range(3))
    life.let_in(yes, no)
    life.go(minutes=1)
    for _ in range(2):
        life.press(yes, "A cat")
    life.press(no, "Nobody")
    life.go(minutes=1)
    assert (life.segments(yes), life.segments(no)) == ({"fans"}, set())
    assert (life.sent(yes), life.sent(no)) == (["email"], ["email"])
    life.got_nothing(other, "Nothing happened to the client")
