"""Quests: counted from orders, completed once, rewarded once (mechanics T36)."""

from datetime import timedelta

import pytest

from loyalty.intake.facts import Line, OrderFact, Phone, ProductFact, Who
from loyalty.models import Category, Event, Product, Quest, QuestProgress
from loyalty.services import ledger, merge, quests
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def _quest(**values):
    return Quest.objects.create(
        **{
            "name": "Three coffees",
            "slug": "coffee",
            "target": 3,
            "starts_at": NOW - DAY,
            "ends_at": NOW + 30 * DAY,
            "reward": 200,
            "counted_at": NOW,
        }
        | values
    )


def _order(shop, person, number, at=NOW, status="paid", total=1000, refunded=0, categories=(), **values):
    b.identify(shop, person)
    who = Who(phone=Phone(person.phone, person.phone, "valid"))
    lines = [
        Line(ProductFact(f"p-{name}", category=name, category_id=name), 1, total, total) for name in categories
    ] or None
    name = {"paid": "order.paid", "cancelled": "order.cancelled"}.get(status, "order.refunded")
    order = OrderFact(
        number, at, status=status, currency="RUB", total=total, refunded=refunded, ordered_at=at, lines=lines
    )
    record(shop, [b.happened(shop, name, at, who, order=order, payload={"order_id": number}, **values)], at)


def _left():
    progress = Event.objects.filter(name="quest.progress").order_by("pk")
    return list(progress.values_list("payload__left", flat=True))


def test_purchases_count_up_to_one_reward():
    shop, anna = b.source(), b.client()
    _quest()
    for number in range(5):
        _order(shop, anna, f"o{number}", NOW + number * DAY)
        quests.reward_due(NOW + number * DAY)
    assert _left() == [2, 1]
    event = Event.objects.get(name="quest.completed")
    assert (event.client, event.payload["left"], event.payload["quest"]) == (anna, 0, "coffee")
    assert ledger.balance(anna.pk, NOW + 9 * DAY).available == 200
    assert QuestProgress.objects.get().value == 3


def test_the_same_order_told_again_counts_once():
    shop, anna = b.source(), b.client()
    _quest()
    for _ in range(4):
        _order(shop, anna, "o1")
    assert _left() == [2]


def test_what_comes_back_lowers_the_progress_and_says_nothing():
    shop, anna = b.source(), b.client()
    _quest()
    _order(shop, anna, "o1")
    _order(shop, anna, "o2")
    _order(shop, anna, "o1", NOW + DAY, status="cancelled")
    assert QuestProgress.objects.get().value == 1
    assert _left() == [2, 1]
    _order(shop, anna, "o3", NOW + 2 * DAY)
    assert _left() == [2, 1, 1]


def test_completed_is_for_good():
    shop, anna = b.source(), b.client()
    _quest(target=1)
    _order(shop, anna, "o1")
    _order(shop, anna, "o1", NOW + DAY, status="cancelled")
    _order(shop, anna, "o2", NOW + DAY)
    assert quests.reward_due(NOW + DAY) == 1
    assert quests.reward_due(NOW + DAY) == 0
    assert Event.objects.filter(name="quest.completed").count() == 1


def test_a_sum_counts_what_was_kept():
    shop, anna = b.source(), b.client()
    _quest(measure="sum", target=2500)
    _order(shop, anna, "o1")
    _order(shop, anna, "o2")
    _order(shop, anna, "o2", NOW + DAY, status="part_refunded", refunded=400)
    assert QuestProgress.objects.get().value == 1600
    assert _left() == ["15.00", "5.00"]
    _order(shop, anna, "o3", NOW + 2 * DAY)
    assert QuestProgress.objects.get().completed_at == NOW + 2 * DAY


def test_different_categories_count():
    shop, anna = b.source(), b.client()
    _quest(measure="categories")
    _order(shop, anna, "o1", categories=["tea", "coffee"])
    _order(shop, anna, "o2", categories=["tea"])
    assert _left() == [1]
    _order(shop, anna, "o3", categories=["milk"])
    assert QuestProgress.objects.get().completed_at == NOW


@pytest.mark.parametrize(("measure", "target", "value"), [("orders", 5, 2), ("sum", 9999, 2000)])
def test_of_one_category_alone(measure, target, value):
    shop, anna = b.source(), b.client()
    coffee = Category.objects.create(source=shop, external_id="coffee", name="coffee")
    Product.objects.create(source=shop, external_id="p-coffee", category=coffee, updated_at=NOW)
    _quest(measure=measure, target=target, category=coffee)
    _order(shop, anna, "o1", categories=["coffee"])
    _order(shop, anna, "o2", categories=["tea"])
    _order(shop, anna, "o3", categories=["coffee"])
    assert QuestProgress.objects.get().value == value


@pytest.mark.parametrize(
    ("quest", "order"),
    [
        ({"active": False}, {}),
        ({"starts_at": NOW + DAY}, {}),
        ({"starts_at": NOW - 9 * DAY, "ends_at": NOW}, {}),
        ({}, {"status": "cancelled"}),
        ({"min_order": 1001}, {}),
        ({}, {"triggers": False}),
    ],
)
def test_what_does_not_count(quest, order):
    shop, anna = b.source(), b.client()
    _quest(**quest)
    _order(shop, anna, "o1", **order)
    assert not QuestProgress.objects.exists()


def test_a_new_quest_counts_what_was_bought_before_it_was_saved_without_a_word():
    shop, anna, boris = b.source(), b.client(), b.client()
    for number in range(3):
        _order(shop, anna, f"a{number}")
    _order(shop, boris, "b1")
    _quest(counted_at=None)
    assert quests.count_new(NOW + DAY) == 1
    assert quests.count_new(NOW + DAY) == 0
    assert _left() == []
    assert Event.objects.get(name="quest.completed").client == anna
    assert QuestProgress.objects.get(client=boris).value == 1


def test_a_guests_purchases_count_for_the_customer():
    shop, guest, anna = b.source(), b.client(), b.client()
    _quest()
    _order(shop, guest, "o1")
    _order(shop, guest, "o2")
    _order(shop, anna, "o3")
    merge.merge(guest.pk, anna.pk, NOW)
    quests.follow([], [anna.pk], NOW)
    assert QuestProgress.objects.get().completed_at == NOW
