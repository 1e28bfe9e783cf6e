"""The results of scenarios: small worlds whose figures are known by hand (semantics §47–51)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.utils import timezone

from loyalty.intake.facts import OrderFact
from loyalty.models import Order
from loyalty.services import ledger, programme
from messaging.models import ChannelPrice, Message
from messaging.services import cascade, outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import ScenarioDay, ScenarioRun, Uplift
from scenarios.services import daily, days, uplift
from scenarios.services.results import results
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = days.of(NOW)


def _go(now=NOW):
    read_events(now)
    while advance_due(now):
        pass
    while outbox.send_due(now):
        pass


def _enter(shop, people, now=NOW):
    for person in people:
        b.record_event(shop, "cart.updated", person, now)
    _go(now)


@pytest.fixture
def scene():
    draft = b.scenario({"event_name": "cart.updated"}, exit_events=["cart.cleared"])
    trunk = b.trunk(draft)
    steps = [b.accrue(trunk, 300), b.email(trunk), b.wait(trunk, 2, "days"), b.sms(trunk, body="я" * 71)]
    return b.live(draft), [step.key for step in steps], b.source()


def _read(draft, keys=(), first=DAY, last=DAY + timedelta(days=10)):
    return results(draft, first, last, keys)


def test_the_funnel_by_the_day_and_what_was_sent(scene, django_assert_max_num_queries):
    draft, keys, shop = scene
    people = b.clients(4)
    _enter(shop, people)
    b.record_event(shop, "cart.cleared", people[0], NOW + timedelta(hours=1))
    _go(NOW + timedelta(hours=1))
    _go(NOW + timedelta(days=2))
    _enter(shop, [people[1]], NOW + timedelta(days=2, hours=1))  # once more: an entry, no new client
    ChannelPrice.objects.create(channel="sms", price=Decimal("2.50"))

    assert daily.count_recent(NOW + timedelta(days=3)) == 15

    with django_assert_max_num_queries(9):
        found = _read(draft, keys)
    assert (found.entered, found.newcomers, found.in_progress, found.completed) == (5, 4, 1, 3)
    assert found.exited == {"exit_event": 1}
    assert [(step.reached, step.proceeded, step.waiting, step.exited) for step in found.steps] == [
        (5, 5, 0, 0),
        (5, 5, 0, 0),
        (5, 3, 1, 1),
        (3, 3, 0, 0),
    ]
    # Two parts each: 71 characters that are not of GSM-7.
    assert [(sent.channel, sent.sent, sent.delivered, sent.cost) for sent in found.messages] == [
        ("email", 5, 5, 0),
        ("sms", 3, 3, Decimal("15.00")),
    ]
    assert found.by_day["entered"] == {DAY: 4, DAY + timedelta(days=2): 1}
    assert _read(draft, keys, last=DAY).entered == 4


def test_what_messages_cost_is_what_they_cost_when_they_were_sent(scene):
    draft, _, shop = scene
    ChannelPrice.objects.create(channel="sms", price=Decimal("2.50"))
    _enter(shop, b.clients(2))
    _go(NOW + timedelta(days=2))
    ChannelPrice.objects.update(price=Decimal(9))
    daily.count_recent(NOW + timedelta(days=3))
    assert [(sent.channel, sent.cost) for sent in _read(draft).messages] == [("email", 0), ("sms", Decimal(10))]
    assert _read(draft).economy.sending_cost == 10


def test_every_attempt_of_a_cascade_costs_what_it_cost_even_one_that_bounced():
    ChannelPrice.objects.create(channel="email", price=Decimal("0.0100"))
    ChannelPrice.objects.create(channel="sms", price=Decimal("2.50"))
    draft, shop = b.scenario({"event_name": "cart.updated"}), b.source()
    b.email(b.trunk(draft), fallbacks=[{"channel": "sms", "body": "я" * 71}], fallback_amount=1, fallback_unit="hours")
    b.live(draft)
    _enter(shop, b.clients(3))
    Message.objects.filter(channel="email").update(status="failed", reason="undelivered")
    cascade.fall_through(NOW + timedelta(hours=1))
    _go(NOW + timedelta(hours=1))
    daily.count_recent(NOW + timedelta(hours=2))
    assert [(sent.channel, sent.sent, sent.cost) for sent in _read(draft).messages] == [
        ("email", 0, Decimal("0.03")),
        ("sms", 3, Decimal(15)),
    ]


def test_counting_twice_is_counting_once(scene):
    draft, keys, shop = scene
    _enter(shop, b.clients(3))
    daily.count_recent(NOW)
    before = list(ScenarioDay.objects.order_by("step_key", "figure").values_list("step_key", "figure", "count"))

    daily.count_recent(NOW)
    daily.count_recent(NOW, back=1)

    assert list(ScenarioDay.objects.order_by("step_key", "figure").values_list("step_key", "figure", "count")) == before
    assert ("", "entered", 3) in before


def test_days_that_no_count_has_seen_are_caught_up(scene):
    draft, _, shop = scene
    _enter(shop, b.clients(2))

    assert daily.count_recent(NOW + timedelta(days=40), back=1) == 41

    assert _read(draft).entered == 2


def test_who_failed_stands_where_it_failed(scene):
    draft, keys, shop = scene
    _enter(shop, b.clients(1))
    ScenarioRun.objects.update(state="failed", step_key=keys[1], due_at=None, waiting=False)

    found = _read(draft, keys)

    assert [step.failed for step in found.steps] == [0, 1, 0, 0]


def test_an_openers_second_opening_counts_once(scene):
    draft, keys, shop = scene
    (anna,) = b.clients(1)
    _enter(shop, [anna])
    message = Message.objects.get(step_key=keys[1])
    for at in (timedelta(hours=1), timedelta(hours=2), timedelta(days=1)):
        b.record_event(shop, "message.opened", anna, NOW + at, payload={"message": message.pk})
    b.record_event(shop, "message.clicked", anna, NOW + timedelta(days=1), payload={"message": message.pk})

    daily.count_recent(NOW + timedelta(days=2))

    (sent,) = _read(draft, keys).messages
    assert (sent.opened, sent.clicked) == (1, 1)


def test_who_unsubscribed_counts_by_the_message_that_led_to_it(scene):
    draft, keys, shop = scene
    anna, boris = b.clients(2)
    _enter(shop, [anna, boris])
    message = Message.objects.get(step_key=keys[1], client=anna)
    # Of two topics, at two times; and once more by somebody who came from no message.
    for topic, hours in (("marketing", 1), ("news", 30)):
        said = {"message": message.pk, "channel": "email", "topic": topic}
        b.record_event(shop, "message.unsubscribed", anna, NOW + timedelta(hours=hours), payload=said)
    b.record_event(shop, "message.unsubscribed", boris, NOW + timedelta(hours=1), payload={"channel": "email"})

    daily.count_recent(NOW + timedelta(days=3))

    found = _read(draft, keys)
    assert [(sent.channel, sent.delivered, sent.unsubscribed) for sent in found.messages] == [("email", 2, 1)]
    assert [(step.delivered, step.unsubscribed) for step in found.steps] == [(0, 0), (2, 1), (0, 0), (0, 0)]


def test_recounting_mends_the_days_from_one_on_and_leaves_those_before(scene, capsys):
    """Of a late import: what is counted anew is what the facts say now, of days since the one that is named."""
    draft, _, shop = scene
    today = timezone.now()
    first, second = today - timedelta(days=3), today - timedelta(days=2)
    _enter(shop, b.clients(2), first)
    _enter(shop, b.clients(3), second)
    daily.count_recent(today)
    ScenarioDay.objects.filter(figure="entered").update(count=99)
    late = b.client()
    b.order(shop, late, second)

    call_command("recount_results", "--from", days.of(second).isoformat())

    assert "days counted: 3" in capsys.readouterr().out
    entered = ScenarioDay.objects.filter(figure="entered", step_key="").order_by("day").values_list("day", "count")
    assert list(entered) == [(days.of(first), 99), (days.of(second), 3)]
    before = list(ScenarioDay.objects.order_by("day", "step_key", "figure", "detail").values_list("day", "count"))
    call_command("recount_results", "--from", days.of(second).isoformat())
    after = list(ScenarioDay.objects.order_by("day", "step_key", "figure", "detail").values_list("day", "count"))
    assert after == before
    assert results(draft, days.of(second), days.of(today), ()).entered == 3


def test_a_refund_subtracts_at_once_and_a_cancelled_order_goes(scene):
    draft, _, shop = scene
    anna, boris = b.clients(2)
    _enter(shop, [anna, boris])
    for person in (anna, boris):
        b.order(shop, person, NOW + timedelta(hours=2), total=1000_00)
    daily.count_recent(NOW + timedelta(hours=3))
    assert (_read(draft).own.orders, _read(draft).own.revenue) == (2, 2000_00)

    number = Order.objects.get(client=anna).external_id
    later = NOW + timedelta(days=1)
    b.record_event(shop, "order.refunded", anna, later, order=OrderFact(number, later, refunded=400_00))
    assert (_read(draft).own.orders, _read(draft).own.revenue) == (2, 1600_00)

    Order.objects.filter(client=boris).update(status="cancelled")
    found = _read(draft)
    assert (found.own.orders, found.own.revenue, found.by_day["revenue"]) == (1, 600_00, {DAY: 600_00})


def test_the_bonuses_of_a_scenario_are_followed_through_the_ledger(scene):
    draft, _, shop = scene
    anna, boris = b.clients(2)
    _enter(shop, [anna, boris])
    ledger.spend("test", anna.pk, 120, "one", NOW + timedelta(hours=1))
    spent = ledger.spend("test", boris.pk, 100, "two", NOW + timedelta(hours=1))
    ledger.refund("test", spent, 30, "three", NOW + timedelta(hours=2))
    b.programme(bonus_value=Decimal("0.5"))
    daily.count_recent(NOW + timedelta(days=1))

    found = _read(draft).bonuses
    assert (found.accrued, found.redeemed, found.burnt, found.outstanding) == (600, 190, 0, 410)
    assert _read(draft).economy.redeemed_cost == 95

    ledger.burn_lapsed(NOW + timedelta(days=31), programme.zone())
    daily.count_recent(NOW + timedelta(days=31))

    found = _read(draft, last=DAY + timedelta(days=40)).bonuses
    assert (found.accrued, found.redeemed, found.burnt, found.outstanding) == (600, 190, 410, 0)


def test_roi_is_what_was_earned_above_the_cost(scene):
    draft, _, shop = scene
    (anna,) = b.clients(1)
    b.programme(margin_share=Decimal(40))
    ChannelPrice.objects.create(channel="email", price=Decimal(5))
    _enter(shop, [anna])
    ledger.spend("test", anna.pk, 95, "one", NOW + timedelta(hours=1))
    b.order(shop, anna, NOW + timedelta(hours=1), total=1000_00)
    daily.count_recent(NOW + timedelta(hours=2))

    economy = _read(draft).economy

    # 40 % of 1000 earned; 95 in bonuses and 5 for an e-mail spent.
    assert (economy.margin, economy.cost, economy.roi) == (400, 100, 3)
    assert _read(b.scenario()).economy.roi is None


def _held_out(draft, treated, control, buyers_t, buyers_c, shop):
    """Runs of so many clients in each arm, of whom so many ordered an hour later."""
    people = b.clients(treated + control)
    ScenarioRun.objects.bulk_create(
        ScenarioRun(
            scenario=draft, client=person, occurrence="one", state="completed", entered_at=NOW,
            holdout="" if at < treated else "scenario",
        )
        for at, person in enumerate(people)
    )  # fmt: skip
    origin = shop.pk
    Order.objects.bulk_create(
        Order(
            source_id=origin, external_id=f"u{person.pk}", client=person, status="paid", currency="RUB", total=100_00,
            ordered_at=NOW + timedelta(hours=1), paid_at=NOW + timedelta(hours=1), changed_at=NOW,
        )
        for person in [*people[:buyers_t], *people[treated : treated + buyers_c]]
    )  # fmt: skip
    return people


def test_uplift_compares_the_arms_as_assigned(scene):
    draft, _, shop = scene
    people = _held_out(draft, 70, 80, 56, 48, shop)
    # A second entry of a ghost, treated this time, and one whose window is not over: neither counts.
    ScenarioRun.objects.create(
        scenario=draft, client=people[-1], occurrence="two", entered_at=NOW + timedelta(hours=1), due_at=NOW
    )
    ScenarioRun.objects.create(
        scenario=draft, client=b.client(), occurrence="one", entered_at=NOW + timedelta(days=2), due_at=NOW
    )

    assert uplift.count_all(NOW + timedelta(days=8)) == 1
    assert uplift.count_all(NOW + timedelta(days=8)) == 1

    effect = _read(draft).effect
    assert effect is not None
    assert (effect.treated.converted, effect.treated.clients) == (56, 70)
    assert (effect.control.converted, effect.control.clients) == (48, 80)
    # Newcombe 1998, case (a).
    assert (effect.difference.low, effect.difference.high) == pytest.approx((0.0524, 0.3339), abs=0.00006)
    assert effect.evidence
    assert effect.revenue is not None
    assert effect.revenue.value == pytest.approx(100 * (56 / 70 - 48 / 80))
    assert effect.revenue.low < effect.revenue.value < effect.revenue.high


def test_without_evidence_it_says_how_many_clients_are_needed(scene):
    draft, _, shop = scene
    _held_out(draft, 10, 10, 6, 4, shop)

    uplift.count_all(NOW + timedelta(days=8))

    effect = _read(draft).effect
    assert effect is not None
    assert not effect.evidence
    assert effect.needed == 100  # 16 · 0.5 · 0.5 / 0.2²


def test_a_scenario_with_a_goal_converts_by_its_goal(scene):
    draft, _, shop = scene
    draft.goal_event = "review.created"
    draft.save()
    people = _held_out(draft, 4, 4, 4, 4, shop)
    ScenarioRun.objects.filter(client__in=people[:2]).update(state="goal", finished_at=NOW + timedelta(days=1))
    ScenarioRun.objects.filter(client=people[2]).update(state="goal", finished_at=NOW + timedelta(days=8))

    uplift.count_all(NOW + timedelta(days=9))

    assert Uplift.objects.get().converted == [2, 0]


def test_without_ghosts_there_is_nothing_to_compare(scene):
    draft, _, shop = scene
    _enter(shop, b.clients(2))

    assert uplift.count_all(NOW + timedelta(days=30)) == 0
    assert _read(draft).effect is None
