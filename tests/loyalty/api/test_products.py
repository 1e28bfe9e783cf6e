"""`products/`, and `clients/{id}/recommendations/`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import Category, Product
from loyalty.services import product_facts
from tests import builders as b
from tests.loyalty.api.calling import Till, problem
from tests.loyalty.services.test_product_facts import ordered

pytestmark = pytest.mark.django_db


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def goods():
    origin, now = b.source(), timezone.now()
    tea = Category.objects.create(source=origin, external_id="tea", name="Tea")
    made = {}
    for n, (name, values) in enumerate(
        {
            "green": {"category": tea, "old_price": 20000},
            "black": {"category": tea, "old_price": 20000, "old_price_until": now - timedelta(days=1)},
            "cup": {"in_stock": False},
            "kettle": {"price": None, "brand": "Hill"},
        }.items()
    ):
        made[name] = Product.objects.create(
            **{"source": origin, "external_id": name, "title": name, "price": 10000 + n, "currency": "RUB"}
            | {"updated_at": now}
            | values
        )
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("promo=true", {"green"}),
        ("promo=false", {"black", "cup", "kettle"}),
        ("in_stock=false", {"cup"}),
        ("category=tea", {"green", "black"}),
        ("brand=Hill", {"kettle"}),
        ("category=tea&promo=true", {"green"}),
        ("category=nothing", set()),
    ],
)
def test_products_are_filtered(till, goods, query, found):
    assert {row["external_id"] for row in till.get(f"products/?{query}").json()["results"]} == found


def test_the_price_before_is_told_of_promo_items_alone(till, goods):
    prices = {row["external_id"]: row["old_price"] for row in till.get("products/").json()["results"]}
    assert prices == {"green": "200.00", "black": None, "cup": None, "kettle": None}


class TestRecommendations:
    @pytest.fixture
    def anna(self, goods):
        now = timezone.now()
        for name in ("green", "black", "black", "cup"):
            ordered(goods["green"].source, goods[name], at=now - timedelta(days=1))
        product_facts.count(now)
        return b.client()

    def test_they_are_the_best_first_and_say_who_stood_in(self, till, anna):
        told = till.get(f"clients/{anna.pk}/recommendations/").json()
        assert [(row["kind"], row["product"]["external_id"]) for row in told] == [
            ("popular", "black"),
            ("popular", "green"),
        ]

    def test_the_kind_and_the_number_are_chosen(self, till, anna):
        told = till.get(f"clients/{anna.pk}/recommendations/?kind=promo&n=1").json()
        assert [(row["kind"], row["product"]["external_id"]) for row in told] == [("promo", "green")]

    @pytest.mark.parametrize(("query", "field"), [("kind=magic", "kind"), ("n=0", "n"), ("n=51", "n"), ("n=x", "n")])
    def test_what_makes_no_sense_is_refused_by_its_field(self, till, anna, query, field):
        problem(till.get(f"clients/{anna.pk}/recommendations/?{query}"), 400, "invalid", field)

    def test_nobody_is_not_found(self, till):
        problem(till.get("clients/999/recommendations/"), 404, "not-found")
