"""Part B: carts, views and searches (T10–T15)."""

from tests.scenarios.lives.life import Life, lives

TEA = {"product_id": "P-1", "title": "Tea", "category": "Tea", "price": "900", "currency": "RUB"}
CUP = {"product_id": "P-2", "title": "Cup", "category": "Tea", "price": "300", "currency": "RUB"}


def _cart(life: Life, who, price: str = "1500") -> None:
    life.tell("cart.updated", who, cart_token=f"cart-{who.pk}", lines=[TEA | {"quantity": 1, "price": price}])


@lives("T10")
def cart(life: Life) -> None:
    yes, no, poor, later = (life.client() for _ in range(4))
    life.scenario  # noqa: B018
    for who in (yes, no, later):
        _cart(life, who)
    _cart(life, poor, "500")
    life.go(minutes=40)
    life.buy(no)
    _cart(life, yes)
    life.go(minutes=40)
    assert life.sent(yes) == []
    assert life.sent(later) == ["email"]
    life.go(minutes=30)
    assert life.sent(yes) == ["email"]
    assert "Tea" in life.said(yes)
    life.buy(later)
    life.go(days=1)
    assert life.sent(yes) == ["email"] * 2
    life.go(days=2)
    assert (life.sent(yes), life.codes(yes)) == (["email"] * 3, 1)
    assert life.sent(later) == ["email"]
    life.got_nothing(no, "Order placed")
    life.got_nothing(poor, "does not fit what the trigger asks of the event")


@lives("T11")
def checkout(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.tell("checkout.started", who, cart_token=f"c{who.pk}", lines=[TEA | {"quantity": 1}])
    life.go(minutes=50)
    life.buy(no)
    life.go(minutes=20)
    assert (life.sent(yes), life.staff(yes)) == (["email"], 1)
    life.got_nothing(no, "Order placed")
    assert life.staff(no) == 0


@lives("T12")
def product(life: Life) -> None:
    life.goods(TEA, CUP)
    yes, once, bought = (life.client() for _ in range(3))
    life.buy(life.client(), goods=CUP)
    life.past()
    life.night()
    life.scenario  # noqa: B018
    for who, times in ((yes, 2), (once, 1), (bought, 3)):
        for _ in range(times):
            life.tell("product.viewed", who, **TEA)
    _cart(life, bought)
    life.go(hours=4, minutes=1)
    assert life.sent(yes) == ["email"]
    assert life.said(yes).startswith("Tea: Cup")
    life.got_nothing(once, "«Product viewed» at least 2 times")
    life.got_nothing(bought, "Cart changed")


@lives("T13")
def category(life: Life) -> None:
    life.goods(TEA, CUP)
    yes, twice, carted = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    for who, times in ((yes, 3), (twice, 2), (carted, 3)):
        for _ in range(times):
            life.tell("category.viewed", who, category="Tea", category_id="Tea")
    life.go(hours=1)
    life.tell("product.added_to_cart", carted, cart_token="k", quantity=1, **TEA)
    life.go(hours=23, minutes=1)
    assert life.sent(yes) == ["email"]
    life.got_nothing(twice, "«Category viewed» at least 3 times")
    life.got_nothing(carted, "Cart changed")


@lives("T14")
def search(life: Life) -> None:
    life.goods(TEA, CUP)
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.tell("search.performed", who, query="cup")
    life.go(hours=1)
    life.tell("product.viewed", no, **CUP)
    life.go(hours=24)
    assert life.sent(yes) == ["email"]
    assert life.said(yes).startswith("cup: Cup")
    life.got_nothing(no, "Product viewed")


@lives("T15")
def waits_for_a_lower_price(life: Life) -> None:
    life.goods(TEA | {"regular_price": "1200"}, CUP | {"category": "Cups"})
    saver, saver_of_cups, spender = (life.client() for _ in range(3))
    for who, discount in ((saver, "100"), (saver_of_cups, "100"), (spender, "0")):
        for _ in range(2):
            life.buy(who, discount=discount)
    life.past()
    life.scenario  # noqa: B018
    life.tell("product.viewed", saver, product_id="P-3", title="Oolong", category="Tea")
    life.tell("product.viewed", spender, **TEA)
    life.tell("product.viewed", saver_of_cups, **CUP | {"category": "Cups"})
    life.go(days=1, minutes=1)
    assert (life.sent(saver), life.given(saver)) == (["email"], 0)
    assert "Tea" in life.said(saver)
    assert (life.sent(saver_of_cups), life.given(saver_of_cups)) == (["email"], 200)
    life.got_nothing(spender, "50 % of orders")
