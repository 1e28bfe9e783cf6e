"""Every way in which a client changes reaches the dynamic segments."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.models import Identity, UnreadEvent
from loyalty.services.events import record
from scenarios.jobs import pump_once
from scenarios.models import AddToSegment, RemoveFromSegment
from segments.models import AttributeCondition, ChangedClient, EventCountCondition, InSegment, Membership
from segments.services import dynamic, membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


def members(segment):
    return set(Membership.objects.filter(segment=segment).values_list("client", flat=True))


def marks():
    return set(ChangedClient.objects.values_list("client_id", "depth", "triggers"))


@pytest.fixture
def buyers():
    """Those who ordered."""
    made = b.dynamic_segment(EventCountCondition(event_name="order.created"))
    dynamic.refresh(NOW)
    return made


def test_an_event_that_was_read_marks_its_client_with_its_depth(buyers):
    person = b.client()
    b.record_event(b.source(), "order.created", person, at=NOW, depth=2)
    assert marks() == set()
    pump_once(NOW)
    assert marks() == {(person.pk, 2, True)}
    dynamic.refresh(NOW)
    assert members(buyers) == {person.pk}


def test_what_just_happened_is_looked_at_once_though_it_came_into_the_window_by_time_too(buyers):
    b.record_event(b.source(), "order.created", b.client(), at=LATER - timedelta(seconds=10), now=LATER)
    pump_once(LATER)
    with CaptureQueriesContext(connection) as queries:
        assert dynamic.refresh(LATER).entered == 1
    assert sum(query["sql"].startswith("WITH change AS") for query in queries) == 1


def test_nothing_is_marked_without_a_dynamic_segment():
    b.record_event(b.source(), "order.created", b.client(), at=NOW)
    pump_once(NOW)
    assert marks() == set()


def test_an_import_marks_its_clients_but_starts_nothing(buyers):
    person = b.client()
    b.record_event(b.source(), "order.created", person, at=NOW, triggers=False)
    assert marks() == {(person.pk, 0, False)}
    dynamic.refresh(NOW)
    assert members(buyers) == {person.pk}
    assert not UnreadEvent.objects.exists()


def test_one_who_was_merged_into_another_leaves(buyers):
    shop, guest, customer = b.source(), b.client(phone=""), b.client(email="")
    Identity.objects.create(client=customer, kind="external", scope=shop.slug, value="C1")
    b.record_event(shop, "order.created", guest, at=NOW)
    pump_once(NOW)
    dynamic.refresh(NOW)
    assert members(buyers) == {guest.pk}
    who = b.Who(email=guest.email, external_id="C1")
    record(shop, [b.happened(shop, "customer.updated", LATER, who=who)], LATER)
    while pump_once(LATER).events:
        pass
    dynamic.refresh(LATER)
    assert members(buyers) == {customer.pk}


def test_joining_a_static_segment_reaches_the_dynamic_ones_that_name_it():
    fans, person = b.segment(), b.client()
    named = b.dynamic_segment(InSegment(segment=fans))
    dynamic.refresh(NOW)
    membership.add(fans.pk, {person.pk: 0}, NOW)
    pump_once(NOW)
    dynamic.refresh(NOW)
    assert members(named) == {person.pk}


def test_a_client_edited_by_staff_is_looked_at(admin_client):
    person = b.client(first_name="Boris")
    named = b.dynamic_segment(AttributeCondition(attribute="first_name", operator="equals", value="Vera"))
    call_command("tick")
    values = {"first_name": "Vera", "last_name": "", "birthday": "", "gender": "", "zone": "", "language": ""}
    assert admin_client.post(reverse("admin:loyalty_client_change", args=[person.pk]), values).status_code == 302
    call_command("tick")
    assert members(named) == {person.pk}


@pytest.mark.parametrize("deed", [membership.add, membership.remove])
def test_nobody_is_put_into_a_dynamic_segment_or_taken_out_by_hand(deed, buyers):
    with pytest.raises(membership.FilledByRule, match="is filled by its rule"):
        deed(buyers.pk, {b.client().pk: 0}, NOW)


@pytest.mark.parametrize("step", [AddToSegment, RemoveFromSegment])
def test_a_step_for_a_dynamic_segment_is_refused(step, buyers):
    with pytest.raises(ValidationError, match="choose a static segment"):
        step(segment=buyers, branch=b.trunk(b.scenario())).full_clean()
    step(segment=b.segment(), branch=b.trunk(b.scenario())).full_clean(exclude=["polymorphic_ctype"])
