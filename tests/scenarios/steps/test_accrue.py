"""Accruing and withdrawing bonuses: how many, until when, and what the texts and conditions below see of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from loyalty.models import BonusLot, BonusOperation, Event, Order, Programme
from loyalty.services import ledger
from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import AccrueBonuses, AddToSegment, RunLog, WithdrawBonuses
from scenarios.steps import amounts
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _draft(cls, **values):
    draft = b.scenario()
    b.add(cls, b.trunk(draft), **values)
    return draft


def test_what_stands_below_sees_the_accrual(walk):
    anna, draft = b.client(), b.scenario()
    b.accrue(b.trunk(draft), 300)
    b.sms(b.trunk(draft), body="{{ bonus.available }}")
    walk(draft, anna)
    assert Message.objects.get().body == "300"


def test_a_fork_below_sees_the_segment_that_was_just_joined(walk):
    anna, fans, draft = b.client(), b.segment(), b.scenario()
    trunk = b.trunk(draft)
    b.join(trunk, fans)
    _, yes, no = b.fork(trunk, event_name="segment.entered")
    b.sms(yes, body="in")
    b.sms(no, body="out")
    walk(draft, anna)
    assert Message.objects.get().body == "in"


@pytest.mark.parametrize(
    ("scale", "percent", "total", "bonuses"),
    [(0, "10", "1999.99", 199), (2, "10", "1999.99", 19999), (0, "0.01", "50.00", 0), (0, "100", "1.00", 1)],
)
def test_a_percent_of_the_order_is_rounded_once_and_down(walk, scale, percent, total, bonuses):
    b.programme(bonus_scale=scale)
    anna = b.client()
    draft = _draft(AccrueBonuses, by="percent", percent=Decimal(percent), lifetime_days=None)
    origin = b.source()
    Order.objects.create(
        source=origin, external_id="o1", client=anna, currency="RUB", total=int(Decimal(total) * 100),
        ordered_at=NOW, changed_at=NOW,
    )  # fmt: skip
    b.live(draft)
    b.record_event(origin, "order.created", anna, payload={"order_id": "o1"})
    _pump()
    assert ledger.balance(anna.pk, NOW).available == bonuses
    assert RunLog.objects.get(kind="step").reason == ("" if bonuses else "nothing_to_accrue")


def _pump():
    read_events(NOW)
    advance_due(NOW)


def test_what_came_back_and_what_was_paid_with_bonuses_earns_nothing(walk):
    anna, origin = b.client(), b.source()
    draft = _draft(AccrueBonuses, by="percent", percent=10)
    Order.objects.create(
        source=origin, external_id="o1", client=anna, currency="RUB", total=100_000, refunded=20_000,
        bonuses_spent=300, ordered_at=NOW, changed_at=NOW,
    )  # fmt: skip
    b.live(draft)
    b.record_event(origin, "order.created", anna, payload={"order_id": "o1"})
    _pump()
    assert ledger.balance(anna.pk, NOW).available == 50  # of 1000 − 200 − 300


@pytest.mark.parametrize(
    ("order", "reason"),
    [(None, "no_order"), ({"currency": "USD"}, "other_currency"), ({"status": "cancelled"}, "no_order")],
)
def test_without_an_order_that_counts_nothing_is_accrued_and_the_log_says_why(order, reason):
    anna, origin = b.client(), b.source()
    draft = _draft(AccrueBonuses, by="percent", percent=10)
    if order is not None:
        values = {"currency": "RUB", "total": 100_000} | order
        Order.objects.create(source=origin, external_id="o1", client=anna, ordered_at=NOW, changed_at=NOW, **values)
    b.live(draft)
    b.record_event(origin, "order.created", anna, payload={"order_id": "o1"})
    _pump()
    assert not BonusOperation.objects.exists()
    assert RunLog.objects.get(kind="step").reason == reason


@pytest.mark.parametrize(
    ("formula", "bonuses", "reason"),
    [
        ("{{ entry.points | times: 2 }}", 50, ""),
        ("{{ entry.points }}", 25, ""),
        ("12,9", 12, ""),
        ("{{ entry.missing }}", 0, "no_amount"),
        ('{{ entry.missing | default: "0" }}', 0, "nothing_to_accrue"),
        ("-5", 0, "no_amount"),
        ("NaN", 0, "no_amount"),
        ("1e99", 0, "no_amount"),
        ("{{ client.first_name }}", 0, "no_amount"),
    ],
)
def test_a_formula_gives_the_number_or_the_log_says_why_not(walk, formula, bonuses, reason):
    anna = b.client()
    walk(_draft(AccrueBonuses, by="formula", formula=formula), anna, payload={"points": 25})
    assert ledger.balance(anna.pk, NOW).available == bonuses
    assert RunLog.objects.get(kind="step").reason == reason


@given(st.text(max_size=30))
def test_whatever_a_formula_says_is_a_number_or_a_refusal(text):
    programme = Programme(bonus_scale=2, rounding="floor")
    try:
        number = amounts.read(text, programme)
    except amounts.NotAnAmount:
        return
    assert 0 <= number <= amounts.MOST * 100


def test_lots_carry_their_warning_and_their_end(walk):
    anna = b.client()
    walk(_draft(AccrueBonuses, amount=100, lifetime_days=10, warn=True, warn_days=3, notify_burn=True), anna)
    lot = BonusLot.objects.get()
    # The day after the last usable one, at midnight in Moscow.
    assert lot.expires_at == datetime(2026, 3, 20, 21, 0, tzinfo=UTC)
    assert (lot.warn_at, lot.notify_burn) == (lot.expires_at - timedelta(days=3), True)


def test_a_visit_accrues_once(walk, again):
    anna = b.client()
    walk(_draft(AccrueBonuses, amount=100), anna)
    again()
    assert ledger.balance(anna.pk, NOW).available == 100
    assert BonusOperation.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"by": "fixed", "amount": None}, "amount"),
        ({"by": "fixed", "amount": Decimal("0.5")}, "amount"),
        ({"by": "percent"}, "percent"),
        ({"by": "percent", "percent": Decimal("100.01")}, "percent"),
        ({"by": "formula", "formula": " "}, "formula"),
        ({"by": "formula", "formula": "{{ nobody.x }}"}, "formula"),
        ({"amount": 5, "warn": True}, "lifetime_days"),
        ({"amount": 5, "warn": True, "warn_days": 10, "lifetime_days": 10}, "warn_days"),
        ({"amount": 5, "warn": True, "lifetime_days": 10, "warn_text": "{{ x"}, "warn_text"),
        ({"amount": 5, "warn": True, "lifetime_days": 10, "warn_text": "soon"}, "warn_subject"),
        ({"amount": 5, "notify_burn": True, "lifetime_days": 10, "burn_text": "gone"}, "burn_subject"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_by_field(values, field):
    with pytest.raises(ValidationError) as wrong:
        AccrueBonuses(**values).full_clean(exclude=["branch"])
    assert field in wrong.value.message_dict


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amount": Decimal("1.00")}, "Accrue 1 bonus that never burn"),
        ({"amount": Decimal("300.00"), "lifetime_days": 1}, "Accrue 300 bonuses for 1 day"),
        ({"by": "percent", "percent": Decimal("5.50"), "lifetime_days": 30}, "Accrue 5.5% of the order for 30 days"),
    ],
)
def test_its_card_says_it_in_one_sentence(values, sentence):
    assert AccrueBonuses(**values).sentence() == sentence


@pytest.mark.parametrize(
    ("has", "amount", "when_less", "left", "reason"),
    [
        (300, 100, "partly", 200, ""),
        (300, 300, "skip", 0, ""),
        (299, 300, "skip", 299, "few_bonuses"),
        (299, 300, "partly", 0, "few_bonuses"),
        (0, 300, "partly", 0, "few_bonuses"),
        (300, None, "partly", 0, ""),
        (0, None, "skip", 0, "few_bonuses"),
    ],
)
def test_a_withdrawal_never_goes_below_zero(walk, again, has, amount, when_less, left, reason):
    anna = b.client()
    if has:
        ledger.accrue("test", ledger.Grant(anna.pk, has, "k", NOW), NOW)
    walk(_draft(WithdrawBonuses, amount=amount, when_less=when_less), anna)
    assert ledger.balance(anna.pk, NOW).available == left
    line = RunLog.objects.get(kind="step")
    assert (line.bonuses or 0, line.reason) == (left - has, reason)
    told = Event.objects.filter(name="bonus.withdrawn").values_list("payload__amount", flat=True)
    assert list(told) == ([has - left] if has != left else [])
    again()
    assert ledger.balance(anna.pk, NOW).available == left
    assert ledger.audit() == []


def test_a_withdrawal_takes_what_burns_first_of_each_client_and_leaves_holds_alone(walk):
    anna, boris = b.client(), b.client()
    for person in (anna, boris):
        for days in (90, 10):
            grant = ledger.Grant(person.pk, 100, f"{person.pk}:{days}", NOW, NOW + timedelta(days=days))
            ledger.accrue("test", grant, NOW)
    ledger.hold("test", boris.pk, 150, "order", NOW + timedelta(days=1), NOW)
    walk(_draft(WithdrawBonuses, amount=120), anna, boris)
    left = [
        list(BonusLot.objects.filter(client=who).order_by("expires_at").values_list("remaining", flat=True))
        for who in (anna, boris)
    ]
    assert left == [[0, 80], [100, 50]]
    assert ledger.audit() == []


def test_several_withdrawals_of_one_client_follow_each_other():
    anna = b.client()
    ledger.accrue("test", ledger.Grant(anna.pk, 250, "k", NOW), NOW)
    debits = [ledger.Debit(anna.pk, 100, f"d{n}", partly=True) for n in range(4)]
    assert ledger.withdraw_many("test", debits, NOW) == {"d0": 100, "d1": 100, "d2": 50, "d3": 0}
    assert ledger.withdraw_many("test", debits, NOW) == {"d0": 100, "d1": 100, "d2": 50, "d3": 0}
    with pytest.raises(ledger.KeyReused):
        ledger.withdraw_many("test", [ledger.Debit(anna.pk, 99, "d0")], NOW)


def test_a_step_costs_as_many_queries_for_fifty_clients_as_for_five(django_assert_max_num_queries):
    counts = []
    for number in (1, 5, 50):  # the first one makes what is made once
        people, shop = b.clients(number), b.source()
        draft = b.scenario()
        trunk = b.trunk(draft)
        b.accrue(trunk)
        b.add(WithdrawBonuses, trunk, amount=100)
        b.add(AddToSegment, trunk, segment=b.segment())
        b.live(draft)
        for person in people:
            b.record_event(shop, "order.created", person)
        read_events(NOW, 10_000)
        with django_assert_max_num_queries(60) as seen:
            advance_due(NOW)
        counts.append(len(seen))
        draft.status = "archived"
        draft.save()
    assert counts[1] == counts[2]
