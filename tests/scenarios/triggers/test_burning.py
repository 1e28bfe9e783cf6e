"""Bonuses about to burn, merged by client and day (semantics §38; T33, T34)."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from loyalty.models import BonusLot
from loyalty.services import ledger
from loyalty.services.ledger import Grant
from scenarios.engine.listen import read_events
from scenarios.models import BurningTrigger, ScenarioRun
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

pytestmark = pytest.mark.django_db

MOSCOW = timezone.get_default_timezone()
TEN = datetime(2026, 3, 10, 10, tzinfo=MOSCOW)
DAY = timedelta(days=1)
# The start of the day after the last usable one: 13 March, three days after the 10th.
END = datetime(2026, 3, 13, tzinfo=MOSCOW)


def _grant(who, amount=100, expires_at=END, key="", **values):
    grant = Grant(who.pk, amount, key or f"{who.pk}:{amount}:{expires_at}", TEN - 30 * DAY, expires_at, **values)
    ledger.accrue_many("test", [grant], TEN - 30 * DAY)
    return BonusLot.objects.order_by("-pk").first()


def _live(**values):
    return started_by(BurningTrigger, TEN - DAY / 2, **{"days": 3} | values)


def test_three_days_before_at_ten():
    anna = b.client()
    lot = _grant(anna)
    _grant(b.client(), expires_at=END + DAY)
    _grant(b.client(), expires_at=None)
    _live()
    scan(TEN - timedelta(microseconds=1))
    assert entered() == []
    scan(TEN)
    assert entered() == [(anna.pk, f"lot:{lot.pk}:-3d")]
    assert ScenarioRun.objects.get().context["entry"] == {"amount": 100, "date": "2026-03-13", "lots": [lot.pk]}


def test_lots_of_one_day_are_one_entry_named_after_the_first_even_if_it_is_spent():
    anna = b.client()
    lots = [_grant(anna, amount) for amount in (100, 20, 3)]
    ledger.spend("test", anna.pk, 100, "spent", TEN - DAY)
    _live()
    scan(TEN)
    assert entered() == [(anna.pk, f"lot:{lots[0].pk}:-3d")]
    assert ScenarioRun.objects.get().context["entry"]["amount"] == 23


def test_what_is_spent_by_then_needs_no_warning():
    anna = b.client()
    _grant(anna)
    _live()
    ledger.spend("test", anna.pk, 100, "spent", TEN - timedelta(minutes=1))
    scan(TEN)
    assert entered() == []


def test_the_clients_own_ten_o_clock():
    omsk = b.client(zone="Asia/Omsk")
    _grant(omsk)
    _live()
    scan(TEN - timedelta(hours=3))
    assert len(entered()) == 1


def test_the_warning_of_the_accrual_itself():
    anna = b.client()
    lot = _grant(anna, warn_days=5)
    _live(when="warning")
    read_events(TEN)
    ledger.warn_expiring(END - 5 * DAY, MOSCOW)
    read_events(END - 5 * DAY)
    assert entered() == [(anna.pk, f"lot:{lot.pk}:warning")]


def test_bonuses_that_have_burnt():
    anna = b.client()
    lot = _grant(anna)
    _live(when="burnt")
    ledger.burn_lapsed(END, MOSCOW)
    read_events(END)
    assert entered() == [(anna.pk, f"lot:{lot.pk}:burnt")]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"days": 3}, "3 days before bonuses burn, at 10:00 of the client's clock"),
        ({"when": "warning"}, "When an accrual's own warning of burning is due"),
        ({"when": "burnt"}, "When bonuses have burnt"),
    ],
)
def test_it_says_itself(values, sentence):
    assert BurningTrigger(**values).sentence() == sentence
