"""Applying conditions: the set, all clients, one client with reasons, and whom time changes (semantics §43)."""

from datetime import timedelta

import pytest
from django.db import connection

from segments.facts import Facts
from segments.models import AttributeCondition, EventCountCondition, Group, InSegment
from segments.services import membership
from segments.services.evaluate import changing, explain, holding, matching, selection
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def _group(mode, *members):
    group = Group(mode=mode)
    group.attached_members = list(members)
    return group


def _ids(statement):
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return [pk for (pk,) in cursor.fetchall()]


def _ordered(*people, at=NOW):
    shop = b.source()
    for person in people:
        b.record_event(shop, "order.created", person, at)


def test_a_set_of_clients_costs_one_query_whatever_the_tree(django_assert_num_queries):
    people = b.clients(3, consent=False)
    fans = b.segment()
    tree = _group(
        "any",
        _group("all", InSegment(segment=fans), AttributeCondition(attribute="gender", operator="empty")),
        EventCountCondition(event_name="order.created"),
    )
    with django_assert_num_queries(1):
        assert matching(tree, [person.pk for person in people], NOW) == set()


def test_stages_are_one_query_for_each_dear_fact_and_none_where_nobody_is_left(django_assert_num_queries):
    anna, boris = b.client(gender="f"), b.client(gender="m")
    _ordered(anna)
    women = AttributeCondition(attribute="gender", operator="equals", value="f")
    often = EventCountCondition(event_name="order.created", count=1)
    never = EventCountCondition(event_name="order.refunded", count=1, bound="at_most")
    rule = _group("all", often, _group("all", never, women))
    with django_assert_num_queries(3):
        assert holding(rule, [anna.pk, boris.pk], NOW) == [anna.pk]
    with django_assert_num_queries(1):
        assert holding(rule, [boris.pk], NOW) == []


def test_stages_leave_merged_clients_out():
    stays, gone = b.client(), b.client()
    gone.merged_into = stays
    gone.save()
    assert holding(_group("all"), [stays.pk, gone.pk], NOW) == [stays.pk]


def test_nobody_asked_is_nobody_found():
    b.client()
    assert matching(_group("all"), [], NOW) == set()


def test_selection_is_all_clients_but_merged_ones():
    stays, gone = b.client(), b.client()
    gone.merged_into = stays
    gone.save()
    assert _ids(selection(_group("all"), NOW)) == [stays.pk]


def test_selection_can_be_embedded_and_limited():
    anna, boris = b.client(), b.client()
    _ordered(anna, boris)
    sql, parameters = selection(EventCountCondition(event_name="order.created", count=1), NOW, [boris.pk])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s, count(*) FROM ({sql}) s WHERE %s", ["before", *parameters, True])
        assert cursor.fetchone() == ("before", 1)


def test_conditions_that_ask_the_same_share_a_relation():
    facts = Facts(NOW)
    facts.ask(
        _group(
            "all",
            EventCountCondition(event_name="order.created", count=1, days=7),
            EventCountCondition(event_name="order.created", count=5, days=7, bound="at_most"),
            EventCountCondition(event_name="order.created", count=1, days=8),
        )
    )
    sql, _ = facts.select("c.id")
    assert sql.count("LEFT JOIN") == 2


def test_explanation_says_what_every_condition_saw():
    anna = b.client(attributes={"size": 41})
    _ordered(anna)
    tree = _group(
        "all",
        EventCountCondition(event_name="order.created", count=2),
        _group("none", AttributeCondition(attribute="attributes.size", operator="greater", value="50")),
    )
    found = explain(tree, anna.pk, NOW)
    assert (found.holds, found.seen) == (False, "")
    orders, others = found.parts
    assert (orders.sentence, orders.holds, orders.seen) == ("«Order placed» at least 2 times", False, "happened 1 time")
    assert (others.holds, others.parts[0].holds, others.parts[0].seen) == (True, False, "is «41»")


def test_explanation_costs_one_query(django_assert_num_queries):
    anna = b.client()
    with django_assert_num_queries(1):
        explain(_group("any", EventCountCondition(event_name="a"), EventCountCondition(event_name="b")), anna.pk, NOW)


def test_explanation_of_nobody_is_refused():
    with pytest.raises(LookupError):
        explain(_group("all"), 1, NOW)


@pytest.mark.parametrize("text", ["100%", "%s", "%(v0)s", "'; DROP TABLE loyalty_client; --", "\\", "{0}"])
def test_what_a_marketer_types_is_never_sql(text):
    person, other = b.client(first_name=text), b.client(first_name="Anna", attributes={text: "x"})
    condition = _group("any", AttributeCondition(attribute="first_name", operator="equals", value=text))
    assert matching(condition, [person.pk, other.pk], NOW) == {person.pk}
    custom = AttributeCondition(attribute=f"attributes.{text}", operator="filled")
    assert matching(custom, [person.pk, other.pk], NOW) == {other.pk}


class TestChanging:
    def test_events_that_left_the_window_and_only_they(self):
        left, edge, inside, long_gone = b.clients(4, consent=False)
        window = EventCountCondition(event_name="order.created", days=7)
        then = NOW - DAY
        _ordered(left, at=then - 7 * DAY + timedelta(hours=1))
        _ordered(edge, at=NOW - 7 * DAY)
        _ordered(inside, at=NOW - 6 * DAY)
        _ordered(long_gone, at=then - 8 * DAY)
        found = set(_ids(changing(_group("all", window), then, NOW)))
        assert left.pk in found
        assert not found & {inside.pk, long_gone.pk}

    def test_what_does_not_look_at_the_clock_changes_for_nobody(self):
        b.client()
        fans = b.segment()
        tree = _group("any", InSegment(segment=fans), AttributeCondition(attribute="gender", operator="empty"))
        assert _ids(changing(tree, NOW - DAY, NOW)) == []

    def test_membership_is_seen_in_words(self):
        anna, fans = b.client(), b.segment("fans")
        membership.add(fans.pk, {anna.pk: 0}, NOW)
        found = explain(InSegment(segment=fans, negated=True), anna.pk, NOW)
        assert (found.sentence, found.holds, found.seen) == ("not in segment «fans»", False, "is in it")
