"""Rehearsal: what would be sent, when and why, with nothing left behind (semantics §52)."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from loyalty.models import BonusOperation
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, Scenario, ScenarioRun
from scenarios.services import rehearsal
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def _counts():
    tables = [name for name in connection.introspection.table_names() if name.split("_")[0] in
              ("loyalty", "messaging", "scenarios", "segments")]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables))  # noqa: S608
        return dict(cursor.fetchall())


def _draft():
    draft = b.scenario()
    trunk = b.trunk(draft)
    b.issue_promo(trunk, b.promo_pool(codes=20))
    b.email(trunk, subject="Thanks", body="{{ client.first_name }}: {{ promo.code }}")
    b.wait(trunk, 2, "days")
    b.accrue(trunk, amount=300)
    b.join(trunk, b.segment())
    b.sms(trunk, body="You have {{ bonus.available }}")
    return draft


def test_a_client_is_told_the_whole_way_with_texts_and_times_and_nothing_remains():
    draft, shop, anna = _draft(), b.source(), b.client()
    b.record_event(shop, "order.created", anna)
    before = _counts()

    found = rehearsal.for_client(draft, anna.pk, NOW)

    assert _counts() == before
    assert (found.entered, found.state, found.started_by) == (True, "completed", "order.created")
    said = [(moment.at - NOW, moment.channel, moment.status) for moment in found.moments if moment.channel]
    assert said == [(timedelta(0), "email", "accepted"), (2 * DAY, "sms", "accepted")]
    texts = [moment.body for moment in found.moments if moment.channel]
    assert texts[0].startswith("Anna: ")
    assert len(texts[0]) > 15
    assert texts[1] == "You have 300"
    assert [moment.bonuses for moment in found.moments if moment.bonuses] == [300]


def test_a_client_without_consent_is_told_why_nothing_would_be_sent():
    draft, anna = _draft(), b.client(consent=False)

    found = rehearsal.for_client(draft, anna.pk, NOW)

    assert {moment.reason for moment in found.moments if moment.channel} == {"no_consent"}


def test_the_rehearsal_of_a_live_scenario_does_not_touch_those_who_are_inside():
    draft, shop, anna, boris = _draft(), b.source(), b.client(), b.client()
    b.live(draft)
    b.record_event(shop, "order.created", boris)
    read_events(NOW)
    advance_due(NOW)
    before = (_counts(), list(ScenarioRun.objects.values()))

    rehearsal.for_client(draft, anna.pk, NOW)
    rehearsal.for_client(draft, boris.pk, NOW)

    assert (_counts(), list(ScenarioRun.objects.values())) == before


def test_a_held_out_client_is_a_ghost_in_the_rehearsal_too():
    draft = _draft()
    draft.holdout_share = 50
    draft.save()
    found = [rehearsal.for_client(draft, client.pk, NOW) for client in b.clients(12)]

    assert {timeline.holdout for timeline in found} == {"", "scenario"}
    for timeline in found:
        reasons = {moment.reason for moment in timeline.moments if moment.channel}
        assert reasons == ({"holdout_scenario"} if timeline.holdout else {""})


def test_the_base_is_rehearsed_as_it_would_have_been_live():
    """The same days, once rehearsed and once lived through, come to the same figures."""
    draft = b.scenario({"base_event": "cart.updated", "absent_events": ["order.created"], "delay": 3})
    trunk = b.trunk(draft)
    _, yes, no = b.fork(trunk, event_name="product.viewed")
    b.email(yes)
    b.accrue(no, amount=100)
    b.wait(trunk, 5, "hours")
    b.sms(trunk)
    draft.exit_events = ["order.paid"]
    draft.save()
    shop, people = b.source(), [*b.clients(8), *b.clients(3, consent=False)]
    for number, client in enumerate(people):
        at = NOW - 2 * DAY + timedelta(hours=number)
        b.record_event(shop, "cart.updated", client, at)
        if number % 2:
            b.record_event(shop, "product.viewed", client, at - timedelta(hours=1))
        if number in (2, 3):
            b.record_event(shop, "order.created", client, at + timedelta(hours=1))
        if number == 4:
            b.record_event(shop, "order.paid", client, at + timedelta(hours=4))

    found = rehearsal.for_base(draft, NOW, 3)

    assert not ScenarioRun.objects.exists()
    b.live(draft, NOW - 3 * DAY)
    moment = NOW - 3 * DAY
    read_events(moment)
    while moment < NOW:
        moment += timedelta(minutes=30)
        fire_due(moment)
        advance_due(moment)
        while outbox.send_due(moment):
            pass
    lived = RunLog.objects.filter(scenario=draft)
    assert found.entries == lived.filter(kind="entered").count() == 9
    assert found.refused == {"happened": lived.filter(kind="refused").count()}
    assert (
        found.sent == {"email": 4, "sms": 6}
        or sum(found.sent.values()) == Message.objects.filter(status="accepted").count()
    )
    assert found.withheld == {"no_consent": Message.objects.filter(reason="no_consent").count()}
    assert found.bonuses == 100 * BonusOperation.objects.filter(kind="accrue").count()
    assert found.scale == 1


def test_a_large_base_is_sampled_evenly_and_says_so():
    draft, shop, people = _draft(), b.source(), b.clients(30)
    for client in people:
        b.record_event(shop, "order.created", client, NOW - DAY)

    found = rehearsal.for_base(draft, NOW, 2, sample=10)

    assert (found.looked_at, found.base, found.entries) == (10, 30, 10)
    assert found.scale == 3


def test_the_commands_say_it_in_words_and_in_json(capsys):
    draft, anna = _draft(), b.client()

    call_command("rehearse", draft.name, "--client", str(anna.pk), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "completed"
    call_command("rehearse", str(draft.pk), "--days", "3")
    assert "entries: 0" in capsys.readouterr().out
    for wrong in (("nothing",), (draft.name, "--days", "0"), (draft.name, "--client", "nobody")):
        with pytest.raises(CommandError):
            call_command("rehearse", *wrong)
    assert Scenario.objects.count() == 1
