"""Prices and stock as the catalogue tells them: history, promos, and what is news."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.intake.facts import Fact, Line, OrderFact, ProductFact, Who
from loyalty.models import Product, ProductChange
from loyalty.services import product_news
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

Kind = ProductChange.Kind
HOUR = timedelta(hours=1)


@pytest.fixture
def shop():
    return b.source()


def told(shop, price=None, at=NOW, name="product.updated", triggers=True, now=None, **values):
    product = ProductFact("P-1", title="Tea", price=price, currency="RUB" if price is not None else "", **values)
    record(shop, [b.happened(shop, name, at, products=(product,), triggers=triggers)], now or at)
    return Product.objects.get()


def history(kind=Kind.PRICE):
    return list(ProductChange.objects.filter(kind=kind).order_by("pk").values_list("before", "after"))


def news():
    return product_news.claim(list(Kind))


def test_a_price_that_falls_is_history_a_promo_and_news(shop):
    told(shop, 50000)
    assert news() == []
    tea = told(shop, 45000, NOW + HOUR)
    assert history() == [(None, 50000), (50000, 45000)]
    assert (tea.price, tea.old_price, tea.old_price_until) == (45000, 50000, NOW + HOUR + timedelta(days=30))
    (one,) = news()
    assert (one.kind, one.product, one.drop_percent) == (Kind.PRICE, tea.pk, Decimal(10))
    assert (one.payload["price"], one.payload["old_price"], one.payload["percent"]) == ("450.00", "500.00", "10")
    assert news() == []  # once


def test_the_same_price_again_is_no_change(shop):
    for hours in range(3):
        told(shop, 50000, NOW + hours * HOUR)
    assert history() == [(None, 50000)]


def test_a_price_that_rises_ends_the_promo_and_is_no_news(shop):
    told(shop, 50000)
    told(shop, 45000, NOW + HOUR)
    assert told(shop, 47000, NOW + 2 * HOUR).old_price == 50000  # still below
    assert told(shop, 50000, NOW + 3 * HOUR).old_price is None
    assert news() == []  # the fall was taken back before anybody was told


def test_a_price_that_falls_in_steps_is_compared_with_what_it_was_at_first(shop):
    told(shop, 50000)
    told(shop, 45000, NOW + HOUR)
    assert told(shop, 40000, NOW + 2 * HOUR).old_price == 50000
    assert told(shop, 39000, NOW + timedelta(days=90)).old_price == 40000


def test_a_regular_price_is_crossed_out_until_the_shop_says_otherwise(shop):
    tea = told(shop, 45000, regular_price=60000)
    assert (tea.old_price, tea.old_price_until) == (60000, None)
    tea = told(shop, 45000, NOW + HOUR)  # says nothing of it any more
    assert (tea.old_price, tea.old_price_until) == (60000, NOW + HOUR + timedelta(days=30))
    assert told(shop, 45000, NOW + 2 * HOUR, regular_price=45000).old_price is None


def test_late_words_change_nothing(shop):
    told(shop, 50000, NOW)
    tea = told(shop, 90000, NOW - HOUR, in_stock=False)
    assert (tea.price, tea.in_stock) == (50000, True)
    assert history() == [(None, 50000)]


@pytest.mark.parametrize(("old", "history_has"), [(None, (None, 40000)), (45000, (45000, 40000))])
def test_a_change_of_an_unknown_product_is_believed_as_far_as_it_says(shop, old, history_has):
    told(shop, 40000, name="product.price_changed", old_price=old)
    assert history() == [history_has]
    assert len(news()) == (1 if old else 0)


def test_lines_and_views_say_the_price_only_until_the_catalogue_speaks(shop):
    def view(price, at):
        told(shop, price, at, name="product.viewed")

    def order(price, at):
        line = Line(ProductFact("P-1", price=price, currency="RUB"), Decimal(1), price, price)
        fact = Fact(
            f"o{at}", "order.created", at, Who(email="a@example.com"),
            order=OrderFact(f"o{at}", at, currency="RUB", total=price, lines=[line]),
        )  # fmt: skip
        record(shop, [fact], at)

    view(70000, NOW)
    order(65000, NOW + HOUR)
    assert Product.objects.get().price == 65000
    told(shop, 60000, NOW + 2 * HOUR)
    order(10000, NOW + 3 * HOUR)
    view(20000, NOW + 4 * HOUR)
    assert Product.objects.get().price == 60000
    assert history() == [(None, 60000)]  # 65000 was somebody's price, not the list's
    assert news() == []


def test_back_in_stock_is_news_and_sold_out_is_history(shop):
    told(shop, 50000, in_stock=False)
    told(shop, 50000, NOW + HOUR, in_stock=True)
    (one,) = news()
    assert one.kind == Kind.STOCK
    told(shop, 50000, NOW + 2 * HOUR, in_stock=False)
    assert history(Kind.STOCK) == [(0, 1), (1, 0)]
    assert news() == []


def test_a_new_product_is_news_once(shop):
    tea = told(shop, 50000, name="product.published")
    assert tea.published_at == NOW
    told(shop, 50000, NOW + HOUR, name="product.published")
    assert [one.kind for one in news()] == [Kind.PUBLISHED]
    assert Product.objects.get().published_at == NOW


def test_imports_and_old_news_are_history_only(shop):
    told(shop, 50000, triggers=False)
    told(shop, 45000, NOW + HOUR, triggers=False)
    told(shop, 40000, NOW + 2 * HOUR, now=NOW + timedelta(days=10))
    assert history() == [(None, 50000), (50000, 45000), (45000, 40000)]
    assert news() == []


def test_what_is_sold_out_is_no_news_when_its_turn_comes(shop):
    told(shop, 50000, in_stock=True)
    told(shop, 45000, NOW + HOUR)
    told(shop, 45000, NOW + 2 * HOUR, in_stock=False)
    assert news() == []


def test_news_that_nobody_asked_for_is_given_up(shop):
    told(shop, 50000)
    told(shop, 45000, NOW + HOUR)
    assert product_news.drop_stale(NOW + HOUR) == 0
    assert product_news.drop_stale(NOW + 2 * HOUR) == 1
    assert news() == []


def test_several_words_of_one_batch_are_heard_in_their_order(shop):
    words = [
        b.happened(
            shop, "product.updated", NOW + at * HOUR, products=(ProductFact("P-1", price=price, currency="RUB"),)
        )
        for at, price in ((2, 300), (0, 500), (1, 400))
    ]
    record(shop, words, NOW + 3 * HOUR)
    assert history() == [(None, 500), (500, 400), (400, 300)]
    assert Product.objects.get().price == 300
