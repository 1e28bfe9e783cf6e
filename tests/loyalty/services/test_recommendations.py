"""Which goods are recommended to whom, kind by kind, and what stands in where a kind has too few."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import Category, Event, Product
from loyalty.models import Recommendation as Kind
from loyalty.services import ledger, product_facts
from loyalty.services.basket import Item
from loyalty.services.recommendations import FALLBACK, About, cards, of_events, recommend
from loyalty.services.recommendations.recommend import dearest
from loyalty.services.redemption import Spending, limit
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.services.test_product_facts import ordered

pytestmark = pytest.mark.django_db


class Shop:
    """A shop of tea, cups and fish: products by name, and what happens there."""

    def __init__(self):
        self.source = b.source()
        self.goods = {}
        for category, names in {
            "tea": ["green tea", "black tea", "white tea", "red tea"],
            "cups": ["small cup", "large cup", "kettle"],
            "fish": ["goldfish", "guppy"],
        }.items():
            row = Category.objects.create(source=self.source, external_id=category, name=category)
            for n, name in enumerate(names):
                self.goods[name] = Product.objects.create(
                    source=self.source, external_id=name, title=name, category=row, price=(n + 1) * 10000,
                    currency="RUB", updated_at=NOW,
                )  # fmt: skip

    def __getitem__(self, name):
        return self.goods[name].pk

    def category(self, name):
        return Category.objects.get(name=name)

    def buys(self, *names, who=None, times=1, at=NOW - timedelta(days=2), status="paid"):
        for _ in range(times):
            ordered(self.source, *(self.goods[name] for name in names), client=who, at=at, status=status)

    def happens(self, who, name, at=NOW - timedelta(hours=1), **payload):
        row = Event.objects.create(
            source=self.source, external_id=str(next(b._numbers)), name=name, client=who, occurred_at=at,
            received_at=at, payload=payload,
        )  # fmt: skip
        return row.pk

    def views(self, who, name, **values):
        return self.happens(who, "product.viewed", product_id=name, **values)

    def change(self, name, **values):
        Product.objects.filter(pk=self[name]).update(**values)

    def asks(self, who, kind, n=10, about=None):
        """The names recommended, with the kinds that found them."""
        picks = recommend([who.pk], kind, n, NOW, {who.pk: about} if about else None).get(who.pk, [])
        names = {product.pk: name for name, product in self.goods.items()}
        return [(names[pick.product], pick.kind) for pick in picks]

    def names(self, who, kind, n=10, about=None):
        """The names that the kind itself found."""
        return [name for name, found in self.asks(who, kind, n, about) if found == kind]


@pytest.fixture
def shop():
    made = Shop()
    made.buys("green tea", "small cup", times=6)
    made.buys("black tea", "large cup", times=5)
    made.buys("black tea", times=3)
    made.buys("white tea", times=2)
    made.buys("goldfish", times=9)
    product_facts.count(NOW)
    return made


@pytest.fixture
def anna():
    return b.client()


def test_popular_with_everybody_whoever_asks(shop, anna):
    assert shop.names(anna, Kind.POPULAR, 3) == ["goldfish", "black tea", "green tea"]


def test_sold_out_and_nameless_goods_are_never_recommended(shop, anna):
    shop.change("goldfish", in_stock=False)
    shop.change("black tea", title="")
    assert shop.names(anna, Kind.POPULAR, 2) == ["green tea", "small cup"]


def test_bestsellers_of_the_categories_that_a_client_buys_and_looks_at(shop, anna):
    shop.buys("red tea", who=anna)
    assert shop.names(anna, Kind.BESTSELLERS, 2) == ["black tea", "green tea"]
    bob = b.client()
    shop.views(bob, "kettle")
    assert shop.names(bob, Kind.BESTSELLERS, 1) == ["small cup"]


def test_what_was_bought_is_not_recommended_again_unless_the_order_fell_through(shop, anna):
    shop.buys("black tea", who=anna)
    assert "black tea" not in dict(shop.asks(anna, Kind.BESTSELLERS))
    bob = b.client()
    shop.buys("black tea", who=bob, status="cancelled")
    assert "black tea" in dict(shop.asks(bob, Kind.BESTSELLERS))
    assert "black tea" in shop.names(anna, Kind.POPULAR)  # a habit


def test_bought_together_with_what_the_client_bought_last(shop, anna):
    shop.buys("green tea", who=anna)
    assert shop.asks(anna, Kind.TOGETHER, 2)[0] == ("small cup", Kind.TOGETHER)
    assert shop.names(anna, Kind.TOGETHER, about=About(products=(shop["black tea"],))) == ["large cup"]


def test_accessories_are_of_another_category_and_of_those_that_staff_named(shop, anna):
    shop.buys("green tea", who=anna)
    assert shop.asks(anna, Kind.ACCESSORIES) == [("small cup", Kind.ACCESSORIES)]
    shop.category("tea").accessories.add(shop.category("fish"))
    assert shop.names(anna, Kind.ACCESSORIES) == ["small cup", "goldfish"]
    shop.buys("small cup", "goldfish", who=anna)
    assert shop.names(anna, Kind.ACCESSORIES, about=About(products=(shop["green tea"],))) == []


def test_new_goods_of_their_categories_before_other_new_goods(shop, anna):
    shop.buys("green tea", who=anna)
    shop.change("guppy", published_at=NOW - timedelta(days=1))
    shop.change("red tea", published_at=NOW - timedelta(days=59))
    shop.change("kettle", published_at=NOW - timedelta(days=60))
    assert shop.names(anna, Kind.NEW) == ["red tea", "guppy"]


def test_promo_items_are_cheaper_than_before_and_only_as_long_as_that_holds(shop, anna):
    shop.buys("green tea", who=anna)
    shop.change("guppy", old_price=90000)
    shop.change("black tea", old_price=21000, old_price_until=NOW + timedelta(seconds=1))
    shop.change("red tea", old_price=90000, old_price_until=NOW)
    shop.change("kettle", old_price=30000)
    assert shop.asks(anna, Kind.PROMO) == [("black tea", Kind.PROMO), ("guppy", Kind.PROMO)]


def test_viewed_and_not_bought_newest_first(shop, anna):
    for hours, name in ((5, "kettle"), (4, "green tea"), (3, "guppy"), (31 * 24, "red tea")):
        shop.views(anna, name, at=NOW - timedelta(hours=hours))
    shop.buys("green tea", who=anna)
    assert shop.names(anna, Kind.VIEWED) == ["guppy", "kettle"]


def test_similar_goods_are_near_in_price(shop, anna):
    shop.views(anna, "red tea")
    shop.change("red tea", price=19000)
    assert shop.names(anna, Kind.SIMILAR, 1) == ["black tea"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("green tea", ["green tea"]), ("teas", ["green tea"]), ("kettle", ["kettle"]), ("tractor", []), ("'|&!", [])],
)
def test_search_finds_by_words_whatever_their_form(shop, anna, query, found):
    shop.happens(anna, "search.performed", query="guppy")
    assert shop.names(anna, Kind.SEARCH, about=About(query=query))[: len(found)] == found
    assert shop.names(anna, Kind.SEARCH, 1) == ["guppy"]  # the last search


def test_russian_words_are_found_in_any_case(shop, anna):
    shop.change("kettle", title="Чайник заварочный")
    assert shop.names(anna, Kind.SEARCH, about=About(query="заварочные чайники")) == ["kettle"]


class TestAffordable:
    @pytest.fixture(autouse=True)
    def bonuses(self, shop, anna):
        b.programme(currency="RUB", bonus_scale=0, bonus_value=1, max_share=50)
        ledger.accrue("test", ledger.Grant(anna.pk, 100, "a", NOW - timedelta(days=1), None), NOW)

    def test_bonuses_pay_as_much_of_it_as_the_programme_lets(self, shop, anna):
        # 100 bonuses are half of 200.00.
        found = shop.names(anna, Kind.AFFORDABLE)
        assert set(found) == {"green tea", "black tea", "small cup", "large cup", "goldfish", "guppy"}

    def test_nobody_affords_anything_without_bonuses_and_nothing_stands_in(self, shop):
        assert shop.asks(b.client(), Kind.AFFORDABLE) == []

    def test_goods_that_bonuses_do_not_pay_are_left_out(self, shop, anna):
        settings = b.programme(unpayable_brands="Hill", spend_min_order=150)
        settings.unpayable_categories.add(shop.category("cups"))
        shop.change("guppy", brand="HILL")
        assert shop.names(anna, Kind.AFFORDABLE) == ["black tea"]

    @pytest.mark.parametrize("share", [100, 50, 30, 7])
    @pytest.mark.parametrize("block", [0, 30])
    def test_the_dearest_is_where_the_rules_of_spending_have_it(self, share, block):
        spending = Spending(max_share=Decimal(share), block=block)
        price = dearest(1000, spending)
        paid = limit([Item(price)], 1000, spending)
        assert paid.bonuses <= 1000
        assert limit([Item(price + 2000)], 1000, spending).money * 100 < (price + 2000) * share


def test_stand_ins_come_in_their_order_and_never_twice(shop, anna):
    shop.buys("green tea", who=anna)
    found = shop.asks(anna, Kind.PERSONAL, 5)
    kinds = [kind for _name, kind in found]
    assert kinds == sorted(kinds, key=FALLBACK[Kind.PERSONAL].index)
    assert set(kinds) == {Kind.TOGETHER, Kind.BESTSELLERS, Kind.POPULAR}
    assert len({name for name, _kind in found}) == 5
    assert "green tea" not in dict(found)


def test_an_event_says_what_to_start_from(shop, anna):
    seen = shop.views(anna, "kettle")
    lines = shop.happens(anna, "order.created", lines=[{"product_id": "guppy"}, {"product_id": "nothing"}])
    odd = shop.happens(anna, "card_installed", lines="none", product_id=5)
    sought = shop.happens(anna, "search.performed", query="tea")
    category = shop.happens(anna, "category.viewed", category_id="tea", category="Tea")
    assert of_events([seen, lines, odd, sought, category]) == {
        seen: About(products=(shop["kettle"],)),
        lines: About(products=(shop["guppy"],)),
        sought: About(query="tea"),
        category: About(categories=(shop.category("tea").pk,)),
    }


def test_a_category_that_is_named_comes_before_the_clients_own(shop, anna):
    shop.buys("green tea", who=anna, times=3)
    about = About(categories=(shop.category("fish").pk,))
    assert shop.names(anna, Kind.BESTSELLERS, 1, about) == ["goldfish"]


def test_cards_say_what_messages_show(shop):
    shop.change("kettle", old_price=40000)
    (card,) = cards([shop["kettle"]], NOW).values()
    assert (card["title"], card["price"], card["old_price"], card["category"]) == ("kettle", "300.00", "400.00", "cups")


@pytest.mark.parametrize("kind", list(Kind))
def test_five_thousand_clients_are_asked_for_at_once(shop, kind):
    who = b.clients(5000, consent=False)
    for person in who[:3]:
        shop.buys("green tea", who=person)
        shop.views(person, "kettle")
    ledger.accrue("test", ledger.Grant(who[0].pk, 100, "a", NOW - timedelta(days=1), None), NOW)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        recommend([person.pk for person in who], kind, 4, NOW)
    balances_and_the_rules_of_spending = 7
    kinds = 1 + len(FALLBACK.get(kind, ()))
    assert len(queries) <= 1 + kinds + (balances_and_the_rules_of_spending if kind == Kind.AFFORDABLE else 0)
