"""Products that are cheaper or back, for those who looked at them (T16, X1)."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from loyalty.intake.facts import ProductFact
from loyalty.services.events import record
from scenarios.models import ProductNewsTrigger, ScenarioRun
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.get_default_timezone())
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def shop():
    return b.source()


def _told(shop, number, at, price=500_00, in_stock=True):
    product = ProductFact(number, title=f"Tea {number}", price=price, currency="RUB", in_stock=in_stock)
    record(shop, [b.happened(shop, "product.updated", at, products=(product,))], at)


def _catalogue(shop, *numbers):
    for number in numbers:
        _told(shop, number, NOON - 60 * DAY)


def _viewed(shop, who, number, at=NOON - DAY, name="product.viewed"):
    b.record_event(shop, name, who, at, payload={"product_id": number})


def _live(**values):
    return started_by(ProductNewsTrigger, NOON, **{"interests": ["viewed", "carted", "favoured"]} | values)


def test_those_who_viewed_carted_or_favoured_it_enter_when_the_window_is_over(shop):
    viewed, carted, favoured, other = (b.client() for _ in range(4))
    _catalogue(shop, "P-1", "P-2")
    _viewed(b.source(), viewed, "P-1")
    b.record_event(shop, "cart.updated", carted, NOON - DAY, payload={"lines": [{"product_id": "P-1"}]})
    _viewed(shop, favoured, "P-1", name="product.favourited")
    _viewed(shop, other, "P-2")
    _live()
    _told(shop, "P-1", NOON + MINUTE, price=450_00)
    scan(NOON + 15 * MINUTE)
    assert entered() == []
    scan(NOON + 15 * MINUTE + timedelta(seconds=30))
    assert entered() == [(who.pk, "price:2026-03-10T09:15Z") for who in (viewed, carted, favoured)]


def test_several_items_are_one_entry_that_lists_them(shop):
    anna = b.client()
    _catalogue(shop, "P-1", "P-2")
    for number in ("P-1", "P-2"):
        _viewed(shop, anna, number)
    _live()
    _told(shop, "P-1", NOON + MINUTE, price=450_00)
    _told(shop, "P-2", NOON + 5 * MINUTE, price=400_00)
    scan(NOON + 16 * MINUTE)
    entry = ScenarioRun.objects.get().context["entry"]
    assert (entry["title"], entry["price"], entry["old_price"], entry["percent"]) == (
        "Tea P-1",
        "450.00",
        "500.00",
        "10",
    )
    assert [(item["product_id"], item["percent"]) for item in entry["items"]] == [("P-1", "10"), ("P-2", "20")]
    assert entry["count"] == 2


@pytest.mark.parametrize(
    "values",
    [
        {"percent": 11},
        {"interests": ["carted"]},
        {"days": 1},
    ],
)
def test_too_small_a_fall_another_interest_or_too_long_ago(shop, values):
    _catalogue(shop, "P-1")
    _viewed(shop, b.client(), "P-1", NOON - DAY)
    _live(**values)
    _told(shop, "P-1", NOON + MINUTE, price=450_00)
    scan(NOON + 16 * MINUTE)
    assert entered() == []


def test_who_bought_it_since_hears_nothing(shop):
    anna = b.client()
    _catalogue(shop, "P-1")
    _viewed(shop, anna, "P-1")
    b.order(shop, anna, NOON - DAY / 2, goods=[ProductFact("P-1")])
    _live()
    _told(shop, "P-1", NOON + MINUTE, price=450_00)
    scan(NOON + 16 * MINUTE)
    assert entered() == []


def test_what_is_no_longer_true_at_the_end_of_the_window_is_no_news(shop):
    _catalogue(shop, "P-1", "P-2")
    for number in ("P-1", "P-2"):
        _viewed(shop, b.client(), number)
    _live()
    for number in ("P-1", "P-2"):
        _told(shop, number, NOON + MINUTE, price=450_00)
    _told(shop, "P-1", NOON + 2 * MINUTE, price=500_00)
    _told(shop, "P-2", NOON + 2 * MINUTE, price=450_00, in_stock=False)
    scan(NOON + 16 * MINUTE)
    assert entered() == []


def test_back_in_stock(shop):
    anna = b.client()
    _catalogue(shop, "P-1")
    _told(shop, "P-1", NOON - 2 * DAY, in_stock=False)
    _viewed(shop, anna, "P-1")
    _live(news="stock")
    _told(shop, "P-1", NOON + MINUTE)
    scan(NOON + 16 * MINUTE)
    assert entered() == [(anna.pk, "stock:2026-03-10T09:15Z")]


def _left(shop, at, stock, number="P-1"):
    product = ProductFact(number, title=f"Tea {number}", price=500_00, currency="RUB", in_stock=stock > 0, stock=stock)
    record(shop, [b.happened(shop, "product.updated", at, products=(product,))], at)


def test_running_low_is_told_once_until_it_is_filled_up_again(shop):
    anna = b.client()
    _left(shop, NOON - DAY, 10)
    b.record_event(shop, "cart.updated", anna, NOON - DAY, payload={"lines": [{"product_id": "P-1"}]})
    _live(news="left", left=3, parallel=True)
    told = []
    for number, stock in enumerate((4, 3, 2, 8, 1)):
        at = NOON + number * DAY / 24
        _left(shop, at + MINUTE, stock)
        scan(at + 16 * MINUTE)
        told.append(len(entered()))
    assert told == [0, 1, 1, 1, 2]
    entry = ScenarioRun.objects.order_by("pk")[0].context["entry"]
    assert (entry["title"], entry["left"]) == ("Tea P-1", 3)


@pytest.mark.parametrize(("before", "after"), [(3, 2), (10, 4), (10, 0), (2, 3)])
def test_what_was_low_is_not_low_yet_or_is_gone_is_no_news_of_running_low(shop, before, after):
    _left(shop, NOON - DAY, before)
    _viewed(shop, b.client(), "P-1")
    _live(news="left", left=3)
    _left(shop, NOON + MINUTE, after)
    scan(NOON + 16 * MINUTE)
    assert entered() == []


def test_a_product_that_is_bought_up_before_the_window_ends_is_told_of_as_it_is(shop):
    _left(shop, NOON - DAY, 10)
    _viewed(shop, b.client(), "P-1")
    _live(news="left", left=3)
    _left(shop, NOON + MINUTE, 3)
    _left(shop, NOON + 2 * MINUTE, 1)
    scan(NOON + 16 * MINUTE)
    assert ScenarioRun.objects.get().context["entry"]["left"] == 1


def test_two_scenarios_hear_the_same_news(shop):
    _catalogue(shop, "P-1")
    _viewed(shop, b.client(), "P-1")
    _live()
    _live(merge_minutes=30)
    _told(shop, "P-1", NOON + MINUTE, price=450_00)
    scan(NOON + 16 * MINUTE)
    scan(NOON + 31 * MINUTE)
    assert len(entered()) == 2


def test_it_says_itself():
    assert ProductNewsTrigger(interests=["viewed", "carted"]).sentence() == (
        "When a product is cheaper by 5% or more, for those who viewed it or put it in the cart in 30 days"
        " and did not buy it"
    )
    assert ProductNewsTrigger(interests=["carted"], news="left", left=2).sentence() == (
        "When 2 pieces of a product or fewer are left, for those who put it in the cart in 30 days and did not buy it"
    )
