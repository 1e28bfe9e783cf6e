"""Segments over the API."""

import pytest

from loyalty.models import Event, Identity
from segments.models import Membership
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
