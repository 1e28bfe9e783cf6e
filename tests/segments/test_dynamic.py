"""Dynamic segments: true at once and by delta, told once, alone under their lock (semantics §43, §45)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import close_old_connections, connection

from loyalty.models import Client, Event, UnreadEvent
from segments.models import (
    AttributeCondition,
    ChangedClient,
    Condition,
    EventCountCondition,
    InSegment,
    Membership,
    Segment,
)
from segments.services import changed, definition, dynamic
from segments.services.changed import Change
from segments.services.dynamic import Moved
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=1)


def anna():
    return AttributeCondition(attribute="first_name", operator="equals", value="Anna")


def inside(segment, negated=False):
    return InSegment(segment=segment, negated=negated)


def bought(count=1, days=None):
    return EventCountCondition(event_name="order.created", count=count, days=days)


def members(segment):
    return set(Membership.objects.filter(segment=segment).values_list("client", flat=True))


def told(name="segment.entered"):
    """Occurrence keys of the events."""
    return list(Event.objects.filter(name=name).order_by("pk").values_list("external_id", flat=True))


def test_a_new_one_is_filled_with_those_for_whom_the_rule_holds():
    anna_, _boris = b.client(), b.client(first_name="Boris")
    segment = b.dynamic_segment(anna())
    assert dynamic.refresh(NOW) == Moved(entered=1)
    segment.refresh_from_db()
    assert members(segment) == {anna_.pk}
    assert (segment.size, segment.computed_at, segment.error) == (1, NOW, "")
    assert segment.took > 0


def test_those_merged_into_others_are_not_in_it():
    other = b.client(first_name="Boris")
    b.client(merged_into=other)
    segment = b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    assert members(segment) == set()


def test_entering_and_leaving_are_events_told_once_under_the_key_of_the_membership():
    person = b.client()
    segment = b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    first = Membership.objects.get().pk
    Client.objects.update(first_name="Boris")
    assert dynamic.recompute(segment.pk, LATER) == Moved(left=1)
    assert dynamic.recompute(segment.pk, LATER) == Moved()
    Client.objects.update(first_name="Anna")
    dynamic.recompute(segment.pk, LATER)
    second = Membership.objects.get().pk
    assert told() == [f"segment.entered:{first}", f"segment.entered:{second}"]
    assert told("segment.left") == [f"segment.left:{first}"]
    event = Event.objects.filter(name="segment.left").get()
    assert (event.client_id, event.payload, event.occurred_at) == (person.pk, {"segment": segment.slug}, LATER)


@pytest.mark.parametrize("ticked", [False, True])
def test_a_definition_starts_scenarios_only_where_that_is_ticked(ticked):
    b.client()
    b.dynamic_segment(anna(), triggers=ticked)
    dynamic.refresh(NOW)
    assert len(told()) == 1
    assert UnreadEvent.objects.count() == ticked


def test_an_edit_rebuilds_by_the_new_rule_quietly_and_what_happens_later_is_heard():
    anna_, boris = b.client(), b.client(first_name="Boris")
    segment = b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    old = segment.rule_id
    not_anna = AttributeCondition(attribute="first_name", operator="differs", value="Anna")
    definition.define(segment, b.conditions(not_anna), LATER)
    assert not Condition.objects.filter(pk=old).exists()
    assert dynamic.refresh(LATER) == Moved(entered=1, left=1)
    assert members(segment) == {boris.pk}
    assert not UnreadEvent.objects.exists()
    Client.objects.filter(pk=anna_.pk).update(first_name="Vera")
    changed.mark([Change(anna_.pk)], LATER)
    dynamic.refresh(LATER)
    assert UnreadEvent.objects.count() == 1


def test_the_impact_of_an_edit_is_told_before_it():
    b.client()
    b.client(first_name="Boris"), b.client(first_name="Boris")
    segment = b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    boris = AttributeCondition(attribute="first_name", operator="equals", value="Boris")
    assert definition.impact(segment, b.conditions(boris), NOW) == definition.Impact(enter=2, leave=1)
    assert definition.impact(Segment(), b.conditions(), NOW) == definition.Impact(enter=3, leave=0)
    assert members(segment) != set()


def test_only_changed_clients_are_looked_at():
    marked, unmarked = b.client(first_name="Boris"), b.client(first_name="Boris")
    segment = b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    Client.objects.update(first_name="Anna")
    changed.mark([Change(marked.pk)], LATER)
    assert dynamic.refresh(LATER) == Moved(entered=1)
    assert members(segment) == {marked.pk}
    assert not ChangedClient.objects.exists()
    dynamic.rebuild_all(LATER)  # nightly
    dynamic.refresh(LATER)
    assert members(segment) == {marked.pk, unmarked.pk}


def test_an_event_carries_the_depth_of_the_change_and_what_an_import_changed_starts_nothing():
    deep, imported = b.client(first_name="Boris"), b.client(first_name="Boris")
    b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    Client.objects.update(first_name="Anna")
    changed.mark([Change(deep.pk, depth=2), Change(deep.pk, depth=1), Change(imported.pk, triggers=False)], NOW)
    dynamic.refresh(NOW)
    events = Event.objects.filter(name="segment.entered")
    assert dict(events.values_list("client", "depth")) == {deep.pk: 2, imported.pk: 0}
    assert list(UnreadEvent.objects.values_list("event__client", flat=True)) == [deep.pk]


def test_what_an_import_changed_starts_nothing_even_where_a_rebuild_is_due():
    person = b.client(first_name="Boris")
    b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    Client.objects.update(first_name="Anna")
    changed.mark([Change(person.pk, triggers=False)], NOW)
    dynamic.rebuild_all(NOW)
    assert dynamic.refresh(NOW) == Moved(entered=1)
    assert not UnreadEvent.objects.exists()


def test_a_rebuild_of_all_may_be_quiet_and_what_follows_is_not():
    b.client(first_name="Boris")
    b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    Client.objects.update(first_name="Anna")
    dynamic.rebuild_all(NOW, quiet=True)
    dynamic.refresh(NOW)
    assert not UnreadEvent.objects.exists()
    Client.objects.update(first_name="Boris")
    dynamic.rebuild_all(LATER)
    dynamic.refresh(LATER)
    assert UnreadEvent.objects.count() == 1


def test_a_change_marked_later_is_left_for_later():
    person = b.client()
    b.dynamic_segment(anna())
    changed.mark([Change(person.pk)], LATER)
    dynamic.refresh(NOW)
    assert ChangedClient.objects.count() == 1


def test_nothing_is_marked_where_no_segment_is_dynamic():
    b.segment()
    changed.mark([Change(b.client().pk)], NOW)
    assert not ChangedClient.objects.exists()


def test_time_alone_lets_clients_in_and_out():
    shop, person = b.source(), b.client()
    b.record_event(shop, "order.created", person, at=NOW)
    segment = b.dynamic_segment(bought(days=10))
    dynamic.refresh(NOW)
    assert members(segment) == {person.pk}
    dynamic.refresh(NOW + timedelta(days=10))
    assert members(segment) == {person.pk}
    dynamic.refresh(NOW + timedelta(days=10, seconds=1))
    assert members(segment) == set()


def test_a_change_in_one_reaches_those_that_name_it_in_the_same_refresh():
    person = b.client(first_name="Boris")
    first = b.dynamic_segment(anna(), slug="first")
    # Made before the one that it names: the order is that of the rules, not of the ids.
    third = b.dynamic_segment(slug="third")
    second = b.dynamic_segment(inside(first), slug="second")
    definition.define(third, b.conditions(inside(second), inside(first), mode="any"), NOW)
    dynamic.refresh(NOW)
    Client.objects.update(first_name="Anna")
    changed.mark([Change(person.pk)], LATER)
    assert dynamic.refresh(LATER) == Moved(entered=3)
    assert members(third) == {person.pk}


def test_what_a_rebuild_or_the_clock_changes_in_one_reaches_those_that_name_it_too():
    shop, person = b.source(), b.client()
    b.record_event(shop, "order.created", person, at=NOW)
    buyers = b.dynamic_segment(bought(days=1), slug="buyers")
    others = b.dynamic_segment(inside(buyers, negated=True), slug="others")
    dynamic.refresh(NOW)
    assert (members(buyers), members(others)) == ({person.pk}, set())
    dynamic.refresh(NOW + timedelta(days=2))
    assert (members(buyers), members(others)) == (set(), {person.pk})
    definition.define(buyers, b.conditions(), NOW + timedelta(days=3))
    dynamic.refresh(NOW + timedelta(days=3))
    assert (members(buyers), members(others)) == ({person.pk}, set())


def test_a_rule_that_leads_back_to_its_segment_is_refused_with_the_path():
    a = b.dynamic_segment(anna(), slug="A")
    b_ = b.dynamic_segment(b.conditions(inside(a), mode="none"), slug="B")
    c = b.dynamic_segment(inside(b_), slug="C")
    with pytest.raises(ValidationError, match="A → A"):
        definition.define(a, b.conditions(inside(a)), NOW)
    with pytest.raises(ValidationError, match="A → C → B → A"):
        definition.define(a, b.conditions(b.conditions(inside(c), mode="any")), NOW)
    assert [type(row) for row in a.rule.members()] == [AttributeCondition]
    definition.define(c, b.conditions(inside(a), inside(b_)), NOW)


def test_a_static_segment_stays_static():
    static = b.segment()
    with pytest.raises(ValidationError, match="make a new segment"):
        definition.define(static, b.conditions(anna()), NOW)


def test_a_segment_that_fails_keeps_its_members_tells_why_and_is_tried_again():
    person = b.client()
    b.record_event(b.source(), "order.created", person)
    broken = b.dynamic_segment(bought(), slug="broken")
    good = b.dynamic_segment(anna(), slug="good")
    dynamic.refresh(NOW)
    of_broken = EventCountCondition.objects.filter(parent=broken.rule)
    of_broken.update(days=2_000_000_000)  # reaches back to before there were dates
    Client.objects.update(first_name="Boris")
    changed.mark([Change(person.pk)], LATER)
    dynamic.refresh(LATER)
    broken.refresh_from_db()
    assert "OverflowError" in broken.error
    assert (members(broken), members(good)) == ({person.pk}, set())
    of_broken.update(days=None, count=2)
    dynamic.refresh(LATER + dynamic.RETRY)
    broken.refresh_from_db()
    assert (broken.error, members(broken)) == ("", set())


def test_a_refresh_of_what_is_true_already_takes_few_queries(django_assert_max_num_queries):
    for number in range(3):
        b.dynamic_segment(anna(), bought(days=5), slug=f"s{number}")
    dynamic.refresh(NOW)
    with django_assert_max_num_queries(90):
        dynamic.refresh(LATER)


def test_a_batch_of_changes_takes_as_many_queries_however_many_clients(django_assert_max_num_queries):
    people = b.clients(500, consent=False)
    b.dynamic_segment(anna())
    dynamic.refresh(NOW)
    Client.objects.update(first_name="Anna")
    changed.mark([Change(person.pk) for person in people], NOW)
    with django_assert_max_num_queries(30):
        assert dynamic.refresh(NOW) == Moved(entered=500)


def in_threads(count, work):
    """Runs `work` so often at once, each in a thread with a connection of its own; returns what they returned."""
    start = Barrier(count)

    def run(number):
        start.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["recompute", "refresh"])
def test_two_at_once_give_one_result(how):
    close_old_connections()
    b.clients(2000, consent=False)
    Client.objects.update(first_name="Anna")
    segment = b.dynamic_segment(anna(), slug="anna")
    work = {
        "recompute": lambda _: dynamic.recompute(segment.pk, NOW),
        "refresh": lambda _: dynamic.refresh(NOW),
    }[how]
    moved = in_threads(4, work)
    assert sum(each.entered for each in moved) == 2000
    assert len(told()) == len(set(told())) == Membership.objects.count() == 2000
    segment.refresh_from_db()
    assert segment.size == 2000
