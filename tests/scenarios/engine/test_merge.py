"""A guest becomes a client while runs wait (semantics §2): the way goes on once, under the client's name."""

from datetime import timedelta

import pytest

from loyalty.intake.facts import Fact, Who
from loyalty.models import Client, Identity
from loyalty.services.events import record
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import EntryClock, RunLog, ScenarioRun
from segments.models import Membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
EVE, SEVEN = Who(email="eve@example.com"), Who("7")


def _scene(**trigger):
    """A scenario — segment, two hours, e-mail — and a shop that knows a guest by e-mail and a customer by number."""
    draft, shop = b.scenario(trigger or None), b.source()
    b.join(b.trunk(draft), b.segment())
    b.wait(b.trunk(draft), 2, "hours")
    b.email(b.trunk(draft))
    b.live(draft)
    record(shop, [Fact("1", "page.viewed", NOW, EVE), Fact("2", "customer.registered", NOW, SEVEN)], NOW)
    guest = Client.objects.get(email="eve@example.com")
    customer = Identity.objects.get(kind="external").client
    b.agree(guest)
    return shop, guest, customer


def _turns_out(shop, at):
    record(shop, [Fact("m", "customer.updated", at, Who("7", email="eve@example.com"))], at)


def _pump(now):
    read_events(now)
    fire_due(now)
    advance_due(now)
    while outbox.send_due(now):
        pass


def test_a_guests_run_and_segments_become_the_clients_and_the_way_goes_on():
    shop, guest, customer = _scene()
    record(shop, [Fact("3", "order.created", NOW, EVE)], NOW)
    _pump(NOW)
    assert ScenarioRun.objects.get().client == guest

    _turns_out(shop, NOW + HOUR)
    _pump(NOW + HOUR)

    assert ScenarioRun.objects.get().client == customer
    assert Membership.objects.get().client == customer
    assert not RunLog.objects.exclude(client=customer).exists()
    _pump(NOW + 2 * HOUR)
    assert [(m.client, m.status, m.address) for m in Message.objects.all()] == [
        (customer, "accepted", "eve@example.com")
    ]


def test_of_two_runs_in_one_scenario_the_guests_ends():
    shop, guest, customer = _scene()
    record(shop, [Fact("3", "order.created", NOW, EVE), Fact("4", "order.created", NOW, SEVEN)], NOW)
    _pump(NOW)
    assert ScenarioRun.objects.filter(state="active").count() == 2

    _turns_out(shop, NOW + HOUR)
    _pump(NOW + HOUR)
    _pump(NOW + 2 * HOUR)

    assert sorted(ScenarioRun.objects.values_list("state", "reason")) == [("completed", ""), ("exited", "merged")]
    assert Message.objects.filter(status="accepted").count() == 1


def test_of_two_clocks_of_one_slot_the_later_base_event_counts():
    shop, guest, customer = _scene(base_event="product.viewed", absent_events=["order.created"], delay=3)
    later = NOW + timedelta(minutes=5)
    record(shop, [Fact("3", "product.viewed", NOW, SEVEN), Fact("4", "product.viewed", later, EVE)], later)
    _pump(later)
    assert EntryClock.objects.count() == 2
    slots = set(EntryClock.objects.values_list("slot", flat=True))

    _turns_out(shop, NOW + HOUR)
    _pump(NOW + HOUR)

    assert set(EntryClock.objects.values_list("client", flat=True)) == {customer.pk}
    assert EntryClock.objects.filter(slot__in=slots).count() == len(slots)
    assert EntryClock.objects.order_by("started_at").last().started_at == later
