"""Purchases of a product, a category, a brand (A14)."""

from datetime import timedelta

import pytest

from loyalty.intake.facts import ProductFact
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import PurchaseTrigger, Scenario, ScenarioRun
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

TEA = ProductFact("P-1", sku="TEA-100", title="Green tea", brand="Hill", category="Tea", category_id="12")
CUP = ProductFact("P-2", sku="CUP", title="Cup", brand="Vale", category="Ware", category_id="13")


def _live(**values) -> Scenario:
    draft = b.scenario(parallel=True)
    draft.triggers.all().delete()
    PurchaseTrigger.objects.create(scenario=draft, **values)
    b.wait(b.trunk(draft))
    return b.live(draft)


@pytest.mark.parametrize(
    ("goods", "value"),
    [
        ("product", "P-1"),
        ("product", "TEA-100"),
        ("product", "green TEA"),
        ("category", "tea"),
        ("category", "12"),
        ("brand", "hill"),
        ("brand", " Hill "),
    ],
)
def test_an_order_with_such_goods_starts_a_run_and_another_does_not(goods, value):
    shop, anna = b.source(), b.client()
    _live(goods=goods, value=value)
    with_tea = b.order(shop, anna, goods=[CUP, TEA])
    b.order(shop, anna, goods=[CUP])
    b.order(shop, anna)
    read_events(NOW)
    assert list(ScenarioRun.objects.values_list("occurrence", flat=True)) == [f"event:{with_tea}"]


def test_it_waits_for_the_moment_it_names():
    shop, anna = b.source(), b.client()
    _live(moment="order.created", goods="brand", value="Hill")
    b.order(shop, anna, goods=[TEA], status="paid")
    read_events(NOW)
    assert not ScenarioRun.objects.exists()
    b.order(shop, anna, goods=[TEA], status="created")
    read_events(NOW)
    assert ScenarioRun.objects.count() == 1


def test_three_days_after_the_purchase():
    shop, anna = b.source(), b.client()
    _live(goods="brand", value="Hill", delay=3, delay_unit="days")
    b.order(shop, anna, goods=[TEA])
    read_events(NOW)
    fire_due(NOW + timedelta(days=3))
    assert ScenarioRun.objects.count() == 1


def test_a_batch_of_orders_is_looked_up_at_once(django_assert_max_num_queries):
    shop = b.source()
    _live(goods="brand", value="Hill")
    for person in b.clients(20, consent=False):
        b.order(shop, person, goods=[TEA])
    with django_assert_max_num_queries(10):
        read_events(NOW)
    assert ScenarioRun.objects.count() == 20


def test_it_says_itself():
    trigger = PurchaseTrigger(goods="category", value="Tea", delay=4)
    assert trigger.sentence() == "4 hours after «Order paid»: an order with goods of the category «Tea»"
