"""Levels: up at once, down at the end of a period, refunds count again (semantics §39)."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.intake.facts import Fact, OrderFact, Who
from loyalty.models import ClientLevel, Event, LevelChange, Order, UnreadEvent
from loyalty.services import levels
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def shop():
    for name, threshold in (("Base", 0), ("Silver", 1000), ("Gold", 3000)):
        b.level(name, threshold)
    return b.source()


def buy(shop, number, total, at=NOW, **values):
    news = OrderFact(number, at, Order.Status.PAID, currency="RUB", total=total * 100, ordered_at=at)
    record(shop, [Fact(f"paid:{number}", "order.paid", at, Who("u1"), order=news, **values)], at)


def give_back(shop, number, amount, at=NOW):
    fact = Fact(f"refund:{number}:{amount}", "order.refunded", at, order=OrderFact(number, at, refunded=amount * 100))
    record(shop, [fact], at)


def standing():
    return ClientLevel.objects.get().level.name


def told():
    events = Event.objects.filter(name="level.changed").order_by("pk")
    return [(e.payload["from"], e.payload["to"], e.payload["direction"]) for e in events]


def test_who_has_bought_nothing_stands_where_everybody_begins(shop):
    anna = b.client()
    assert levels.standings([anna.pk])[anna.pk].name == "Base"


def test_up_at_once_and_the_event_says_from_where_to_where(shop):
    buy(shop, "o1", 999)
    assert (standing(), told()) == ("Base", [])
    buy(shop, "o2", 1)
    assert (standing(), told()) == ("Silver", [("Base", "Silver", "up")])
    buy(shop, "o3", 9000)
    assert told()[1:] == [("Silver", "Gold", "up")]
    assert list(LevelChange.objects.order_by("pk").values_list("to_name", "why")) == [
        ("Silver", "reached"),
        ("Gold", "reached"),
    ]


def test_the_threshold_itself_is_reached(shop):
    buy(shop, "o1", 1000)
    assert standing() == "Silver"


def test_unpaid_and_cancelled_orders_do_not_count(shop):
    news = OrderFact("o1", NOW, Order.Status.CREATED, currency="RUB", total=5000_00)
    record(shop, [Fact("c", "order.created", NOW, Who("u1"), order=news)], NOW)
    assert standing() == "Base"
    buy(shop, "o2", 3000)
    cancelled = OrderFact("o2", NOW, Order.Status.CANCELLED)
    record(shop, [Fact("x", "order.cancelled", NOW, Who("u1"), order=cancelled)], NOW)
    assert standing() == "Base"


@pytest.mark.parametrize("period", ["ever", "year", "days"])
def test_a_level_that_returned_goods_had_reached_is_lost_at_once(shop, period):
    b.programme(level_period=period, level_days=30)
    buy(shop, "o1", 1500)
    buy(shop, "o2", 1500)
    assert standing() == "Gold"
    give_back(shop, "o2", 1, NOW + DAY)
    assert standing() == "Silver"
    give_back(shop, "o1", 1500, NOW + 2 * DAY)
    assert standing() == "Silver"  # o2 alone
    give_back(shop, "o2", 1000, NOW + 3 * DAY)
    assert standing() == "Base"
    assert set(LevelChange.objects.filter(up=False).values_list("why", flat=True)) == {"refund"}


def test_a_level_of_a_year_is_kept_through_the_next_one(shop):
    b.programme(level_period="year")
    buy(shop, "o1", 3000)
    # The programme's zone is Moscow: the year ends three hours before UTC's.
    new_year = datetime(2026, 12, 31, 21, tzinfo=UTC)
    assert ClientLevel.objects.get().until == new_year
    assert levels.close_periods(new_year - timedelta(seconds=1)) == 0
    assert levels.close_periods(new_year) == 1
    assert standing() == "Gold"
    assert levels.close_periods(new_year) == 0
    next_year = datetime(2027, 12, 31, 21, tzinfo=UTC)
    levels.close_periods(next_year - timedelta(seconds=1))
    assert standing() == "Gold"
    levels.close_periods(next_year)
    assert standing() == "Base"
    assert told()[-1] == ("Gold", "Base", "down")
    assert LevelChange.objects.latest("pk").why == "period"


def test_a_level_of_n_days_is_kept_n_days_and_then_is_what_they_reach(shop):
    b.programme(level_period="days", level_days=30)
    buy(shop, "o1", 2000)
    buy(shop, "o2", 1000, NOW + 20 * DAY)
    assert standing() == "Gold"
    # o1 has left the window, the period has not ended.
    buy(shop, "o3", 1, NOW + 40 * DAY)
    assert standing() == "Gold"
    levels.close_periods(NOW + 50 * DAY - timedelta(seconds=1))
    assert standing() == "Gold"
    levels.close_periods(NOW + 50 * DAY)
    assert standing() == "Silver"  # o2 and o3
    assert ClientLevel.objects.get().until == NOW + 80 * DAY


def test_sweeping_late_does_not_keep_a_level_when_an_order_comes_first(shop):
    b.programme(level_period="days", level_days=30)
    buy(shop, "o1", 3000)
    buy(shop, "o2", 1, NOW + 31 * DAY)
    assert standing() == "Base"


def test_orders_may_be_counted_instead(shop):
    b.programme(level_measure="orders")
    b.level("Twice", 2)
    for number in ("o1", "o2"):
        buy(shop, number, 1)
    assert standing() == "Twice"


def test_bonuses_that_orders_earned_may_be_counted_instead(shop):
    b.programme(level_measure="earned")
    b.percent_rule(50)
    buy(shop, "o1", 2000)
    assert standing() == "Silver"
    give_back(shop, "o1", 1)
    assert standing() == "Base"


def test_an_import_moves_clients_but_triggers_nothing(shop):
    buy(shop, "o1", 3000, triggers=False)
    assert standing() == "Gold"
    assert told() == [("Base", "Gold", "up")]
    assert not UnreadEvent.objects.exists()


def test_measuring_again_changes_nothing(shop):
    buy(shop, "o1", 3000)
    client = ClientLevel.objects.get().client_id
    assert levels.recompute([client], NOW + DAY) == 0
    assert len(told()) == 1


def test_new_thresholds_count_for_everybody(shop):
    buy(shop, "o1", 2000)
    assert standing() == "Silver"
    b.level("Bronze", 2000)
    assert levels.recompute_all(NOW) is None
    assert standing() == "Bronze"
    assert LevelChange.objects.latest("pk").why == "rules"


def test_who_is_not_on_any_level_has_none():
    b.level("Silver", 1000)
    shop = b.source()
    buy(shop, "o1", 1)
    assert ClientLevel.objects.get().level is None
    buy(shop, "o2", 1000)
    assert told() == [(None, "Silver", "up")]


def test_two_clients_made_one_are_measured_together(shop):
    buy(shop, "o1", 600)
    news = OrderFact("o2", NOW, Order.Status.PAID, currency="RUB", total=600_00, ordered_at=NOW)
    record(shop, [Fact("o2", "order.paid", NOW, Who(email="g@example.com"), order=news)], NOW)
    record(shop, [Fact("m", "customer.updated", NOW, Who("u1", email="g@example.com"))], NOW)
    kept = ClientLevel.objects.get(client__merged_into=None)
    assert kept.level.name == "Silver"
