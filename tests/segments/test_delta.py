"""What the delta keeps is what a rebuild would make, whatever happened and however time passed (semantics §45)."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.models import Client, Event
from scenarios.jobs import pump_once
from segments.models import AttributeCondition, EventCountCondition, InSegment, Membership, Segment
from segments.services import dynamic, membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

PEOPLE = 4
DEEDS = st.tuples(
    st.sampled_from(["order", "view", "rename", "join", "leave"]),
    st.integers(0, PEOPLE - 1),
    st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=2), timedelta(days=3)]),
)


@settings(max_examples=15)
@given(st.lists(DEEDS, max_size=12))
def test_delta_and_rebuild_agree(deeds):
    with transaction.atomic():
        delta_and_rebuild_agree(deeds)
        transaction.set_rollback(True)  # every example begins with nothing


def delta_and_rebuild_agree(deeds):
    shop, fans = b.source(), b.segment()
    people = [b.client(consent=False, first_name="Anna" if n % 2 else "") for n in range(PEOPLE)]
    b.identify(shop, *people)
    made = [b.dynamic_segment(EventCountCondition(event_name="order.created", count=1, days=2))]
    made.append(b.dynamic_segment(InSegment(segment=made[0], negated=True), InSegment(segment=fans)))
    nobody = AttributeCondition(attribute="first_name", operator="empty")
    viewed = EventCountCondition(event_name="product.viewed", bound="at_most", count=1, days=3)
    made.append(b.dynamic_segment(b.conditions(nobody, InSegment(segment=made[1]), mode="any"), viewed))
    now = NOW
    dynamic.refresh(now)
    for deed, who, later in deeds:
        now += later
        person = people[who]
        match deed:
            case "order":
                b.record_event(shop, "order.created", person, at=now)
            case "view":
                b.record_event(shop, "product.viewed", person, at=now - timedelta(days=1), now=now)
            case "rename":
                name = "" if Client.objects.get(pk=person.pk).first_name else "Anna"
                Client.objects.filter(pk=person.pk).update(first_name=name)
                b.record_event(shop, "customer.updated", person, at=now)
            case "join":
                membership.add(fans.pk, {person.pk: 0}, now)
            case _:
                membership.remove(fans.pk, {person.pk: 0}, now)
        while pump_once(now).events:
            pass
        dynamic.refresh(now)
    kept = {segment.pk: members(segment) for segment in made}
    for segment in made:
        assert not dynamic.recompute(segment.pk, now)
        assert members(segment) == kept[segment.pk]
        assert Segment.objects.get(pk=segment.pk).size == len(kept[segment.pk])
    entered, left = (Event.objects.filter(name=f"segment.{deed}").count() for deed in ("entered", "left"))
    assert entered - left == Membership.objects.count()


def members(segment):
    return set(Membership.objects.filter(segment=segment).values_list("client", flat=True))
