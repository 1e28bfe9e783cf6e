"""Why / why not (semantics §53): every way of not getting it has its own answer."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.services import lifecycle, tree
from scenarios.services.why import as_data, why
from segments.models import EventCountCondition
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _pump(now=NOW):
    read_events(now)
    advance_due(now)
    while outbox.send_due(now):
        pass


def _scene(**values):
    draft, shop = b.scenario(**values), b.source()
    b.email(b.trunk(draft))
    return draft, shop


def _verdict(draft, client, now=NOW):
    return why(draft, client.pk, now).verdict


def test_who_got_it_is_told_when_and_through_what():
    draft, shop = _scene()
    b.live(draft)
    anna = b.client()
    b.record_event(shop, "order.created", anna)
    _pump()

    found = why(draft, anna.pk, NOW)

    assert "got it: e-mail, March 10, 2026" in found.verdict
    assert [line.release for line in found.runs[0].lines] == [1, 1, 1]
    assert found.triggers[0].heard[0].ok is True


def test_each_way_of_not_getting_it_has_its_own_reason():
    draft, shop = _scene(holdout_share=0)
    wait = b.wait(b.trunk(draft), 2, "hours")
    tree.add_condition(draft.triggers.get(), EventCountCondition(event_name="product.viewed", count=2))
    never, quiet = b.client(), b.client(consent=False)
    assert _verdict(draft, never) == "Scenario: draft."
    b.live(draft)

    assert "Nothing happened" in _verdict(draft, never)
    unfit = b.client()
    b.record_event(shop, "order.created", unfit)
    for _ in range(2):
        b.record_event(shop, "product.viewed", quiet)
    b.record_event(shop, "order.created", quiet)
    _pump()

    assert "did not enter" in _verdict(draft, unfit)
    assert "conditions" in _verdict(draft, unfit)
    trace = why(draft, unfit.pk, NOW).triggers[0]
    assert trace.conditions.holds is False
    assert "0" in trace.conditions.parts[0].seen
    assert "consent" in _verdict(draft, quiet)
    assert any(check.ok is False and "consent" in check.words for check in why(draft, quiet.pk, NOW).checks)
    assert wait.key


def test_who_is_on_the_way_is_told_where_and_until_when():
    draft, shop, anna = b.scenario(), b.source(), b.client()
    b.wait(b.trunk(draft), 2, "hours")
    b.email(b.trunk(draft))
    b.live(draft)
    b.record_event(shop, "order.created", anna)
    _pump()

    found = why(draft, anna.pk, NOW)

    assert "on the way" in found.verdict
    assert found.runs[0].due_at == NOW + timedelta(hours=2)
    lifecycle.pause(draft, NOW)
    assert any(check.ok is False for check in why(draft, anna.pk, NOW).checks)


def test_the_control_group_and_rules_of_re_entry_are_told():
    draft, shop = _scene(reentry="once", holdout_share=50)
    b.live(draft)
    people = b.clients(10)
    for client in people:
        b.record_event(shop, "order.created", client)
    _pump()

    verdicts = {_verdict(draft, client).split(":")[0] for client in people}

    assert verdicts == {"The client got it", "The message was not sent"}
    assert any("once ever" in check.words for check in why(draft, people[0].pk, NOW).checks)


def test_an_unknown_client_is_an_error_and_queries_are_bounded(django_assert_max_num_queries):
    draft, shop = _scene()
    b.live(draft)
    with pytest.raises(LookupError):
        why(draft, 0, NOW)
    anna = b.client()
    for number in range(12):
        b.record_event(shop, "order.created", anna, NOW + timedelta(minutes=number))
    _pump(NOW + timedelta(hours=1))
    with django_assert_max_num_queries(30):
        found = why(draft, anna.pk, NOW + timedelta(hours=1))
    assert json.dumps(as_data(found), default=str)


def test_the_command_tells_it(capsys):
    draft, _ = _scene()
    b.live(draft)
    anna = b.client()

    call_command("explain", draft.name, str(anna.pk))
    assert "Nothing happened" in capsys.readouterr().out
    call_command("explain", draft.name, str(anna.pk), "--json")
    assert json.loads(capsys.readouterr().out)["client_id"] == anna.pk
