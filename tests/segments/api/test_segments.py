"""Segments over the API."""

import pytest

from loyalty.models import Event, Identity
from segments.models import AttributeCondition, Membership
from segments.services import dynamic
from tests import builders as b
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


def test_segments_are_listed_and_found():
    till, gold, silver = Till(), b.segment("gold"), b.segment("silver")
    assert [row["slug"] for row in till.get("segments/").json()["results"]] == ["silver", "gold"]
    assert [row["id"] for row in till.get("segments/?search=GOL").json()["results"]] == [gold.pk]
    assert [row["id"] for row in till.get("segments/?slug=silver").json()["results"]] == [silver.pk]
    assert till.get(f"segments/{gold.pk}/").json()["name"] == "gold"
    problem(till.get("segments/999999/"), 404, "not-found")


def test_clients_join_once_are_listed_and_leave():
    till, gold = Till(), b.segment("gold")
    anna, boris = b.client(), b.client()
    b.identify(b.source(), boris)
    Identity.objects.create(client=anna, kind="external", scope="shop", value="C-1")
    body = {"clients": ["external:shop:C-1", f"phone:{boris.phone}", str(anna.pk)]}
    assert till.post(f"segments/{gold.pk}/clients/", body).json() == {"added": 2}
    assert till.post(f"segments/{gold.pk}/clients/", body).json() == {"added": 0}
    rows = till.get(f"segments/{gold.pk}/clients/").json()["results"]
    assert {row["client"] for row in rows} == {anna.pk, boris.pk}
    assert {row["phone"] for row in rows} == {anna.phone, boris.phone}
    assert [{"source": "shop", "id": "C-1"}] in [row["external_ids"] for row in rows]
    for _ in range(2):
        assert till.call("DELETE", f"segments/{gold.pk}/clients/external:shop:C-1/").status_code == 204
    assert Membership.objects.get().client == boris
    assert Event.objects.filter(name="segment.entered").count() == 2
    assert Event.objects.filter(name="segment.left").count() == 1


def test_of_a_list_with_a_stranger_nobody_joins():
    till, gold = Till(), b.segment("gold")
    problem(till.post(f"segments/{gold.pk}/clients/", {"clients": [str(b.client().pk), "999999"]}), 400, "invalid")
    assert not Membership.objects.exists()


def test_adding_a_thousand_takes_few_queries(django_assert_max_num_queries):
    till, gold = Till(), b.segment("gold")
    people = [str(person.pk) for person in b.clients(1000, consent=False)]
    with django_assert_max_num_queries(20):
        assert till.post(f"segments/{gold.pk}/clients/", {"clients": people}).json() == {"added": 1000}


@pytest.mark.parametrize(
    "body", [{}, {"clients": []}, {"clients": "all"}, {"clients": [1.5]}, {"clients": ["1"] * 1001}]
)
def test_a_list_that_is_none_is_refused(body):
    problem(Till().post(f"segments/{b.segment().pk}/clients/", body), 400, "invalid")


def test_a_dynamic_one_shows_its_rule_as_a_sentence_and_lists_its_clients():
    till, anna = Till(), b.client()
    b.segment()
    made = b.dynamic_segment(AttributeCondition(attribute="first_name", operator="equals", value="Anna"))
    dynamic.refresh(b.NOW)
    (row,) = till.get("segments/?kind=dynamic").json()["results"]
    assert (row["id"], row["kind"], row["rule"]) == (made.pk, "dynamic", "first name equals «Anna»")
    assert row == till.get(f"segments/{made.pk}/").json()
    assert [row["rule"] for row in till.get("segments/?kind=static").json()["results"]] == [None]
    assert [row["client"] for row in till.get(f"segments/{made.pk}/clients/").json()["results"]] == [anna.pk]


def test_nobody_joins_or_leaves_a_dynamic_one_by_hand():
    till, anna = Till(), b.client()
    made = b.dynamic_segment(AttributeCondition(attribute="first_name", operator="equals", value="Vera"))
    problem(till.post(f"segments/{made.pk}/clients/", {"clients": [str(anna.pk)]}), 409, "conflict")
    problem(till.call("DELETE", f"segments/{made.pk}/clients/{anna.pk}/"), 409, "conflict")


def test_a_list_with_many_rules_takes_as_many_queries_as_one_with_few(django_assert_max_num_queries):
    till = Till()
    for _ in range(20):
        b.dynamic_segment(AttributeCondition(attribute="first_name", operator="equals", value="Anna"), b.conditions())
    with django_assert_max_num_queries(12):
        assert len(till.get("segments/").json()["results"]) == 20
