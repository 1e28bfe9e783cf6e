"""The messages of a chain: in order, each after its delay, with its own bonuses and buttons; once a client (§28)."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import BonusLot
from loyalty.services import ledger
from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import ChainMessage, RunLog, ScenarioRun, StartChain
from scenarios.services.again import allow_again
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def chain():
    """A chain that a scenario starts: its draft and how to start it for somebody."""
    draft = b.scenario(kind="chain")
    draft.triggers.all().delete()
    return draft


def _say(draft, body, **values):
    return b.add(ChainMessage, b.trunk(draft), **{"channel": "sms", "body": body} | values)


def _start(draft, *people):
    starter = b.scenario()
    b.add(StartChain, b.trunk(starter), target=draft)
    b.live(draft)
    b.live(starter)
    shop = b.source()

    def order():
        for person in people:
            b.record_event(shop, "order.created", person)
        read_events(NOW)
        _walk(NOW)

    order()
    return order


def _walk(now):
    while advance_due(now):
        pass


def _said():
    return list(Message.objects.order_by("pk").values_list("body", flat=True))


def test_messages_come_in_order_each_after_its_delay(chain):
    _say(chain, "one")
    _say(chain, "two", delay=2, delay_unit="hours")
    _say(chain, "three", delay=1, delay_at=time(10))
    _start(chain, b.client(zone="Europe/Moscow"))
    assert _said() == ["one"]
    _walk(NOW + timedelta(hours=2, seconds=-1))
    assert _said() == ["one"]
    _walk(NOW + timedelta(hours=2))
    assert _said() == ["one", "two"]
    # 14:00 UTC is 17:00 in Moscow; the next day's 10:00 there is 07:00 UTC.
    _walk(NOW.replace(hour=6, minute=59) + DAY)
    assert _said() == ["one", "two"]
    _walk(NOW.replace(hour=7) + DAY)
    assert _said() == ["one", "two", "three"]


def test_the_text_counts_the_bonuses_that_come_with_it_and_they_come_once(chain):
    _say(chain, "+{{ accrued.amount }} = {{ bonus.available }}", bonuses=150, lifetime_days=30)
    _say(chain, "{{ bonus.available }}", bonuses=50)
    person = b.client()
    _start(chain, person)
    assert _said() == ["+150 = 150", "200"]
    assert ledger.balance(person.pk, NOW).available == 200
    assert BonusLot.objects.count() == 2
    told = RunLog.objects.filter(step_type="ChainMessage", bonuses__isnull=False).values_list("bonuses", flat=True)
    assert sorted(told) == [50, 150]
    assert RunLog.objects.filter(step_type="ChainMessage", message_id__isnull=False).count() == 2


def test_whoever_cannot_be_written_to_keeps_the_bonuses(chain):
    _say(chain, "Hi", bonuses=150)
    person = b.client(consent=False)
    _start(chain, person)
    assert Message.objects.get().reason == "no_consent"
    assert ledger.balance(person.pk, NOW).available == 150


def test_a_client_who_is_held_out_walks_through_and_gets_nothing(chain):
    _say(chain, "Hi", bonuses=150, delay=1, delay_unit="hours")
    chain.holdout_share = 50
    chain.save()
    people = b.clients(30)
    _start(chain, *people)
    _walk(NOW + timedelta(hours=1))
    ghosts = set(ScenarioRun.objects.filter(scenario=chain).exclude(holdout="").values_list("client_id", flat=True))
    assert 0 < len(ghosts) < 30
    assert set(BonusLot.objects.values_list("client_id", flat=True)) == {person.pk for person in people} - ghosts
    assert Message.objects.filter(reason="holdout_scenario").count() == len(ghosts)
    assert not ScenarioRun.objects.filter(scenario=chain, state="active").exists()


def test_a_chain_runs_once_a_client_until_staff_allow_it_again(chain):
    _say(chain, "Hi", bonuses=150)
    person = b.client()
    again = _start(chain, person)
    again()
    assert _said() == ["Hi"]
    assert RunLog.objects.filter(scenario=chain, kind="refused").exists()
    allow_again(chain, person.pk, None, NOW)
    again()
    again()
    assert _said() == ["Hi", "Hi"]
    assert ledger.balance(person.pk, NOW).available == 300


def test_the_notice_of_burning_is_in_the_words_of_the_message(chain):
    step = _say(
        chain, "Hi", bonuses=150, lifetime_days=30, warn=True, warn_days=3, warn_text="Soon: {{ burning.amount }}",
        notice_channel="sms",
    )  # fmt: skip
    _start(chain, b.client())
    ledger.warn_expiring(NOW + timedelta(days=28), ZoneInfo("Europe/Moscow"))
    read_events(NOW + timedelta(days=28))
    assert Message.objects.get(step_key=step.key, run_id=None).body == "Soon: 150"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"delay": 3651}, "delay"),
        ({"delay": 1, "delay_unit": "hours", "delay_at": time(10)}, "delay_at"),
        ({"bonuses": 10, "warn": True}, "lifetime_days"),
        ({"bonuses": "0.5"}, "bonuses"),
        ({"body": ""}, "body"),
        ({"buttons": [{"text": "", "kind": "reply"}]}, "buttons"),
    ],
)
def test_what_cannot_be_is_refused_by_field(values, field):
    with pytest.raises(ValidationError) as refused:
        ChainMessage(**{"channel": "sms", "body": "Hi"} | values).full_clean(exclude=["branch", "polymorphic_ctype"])
    assert field in refused.value.message_dict
