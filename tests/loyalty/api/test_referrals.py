"""Referrals over the API."""

import pytest
from django.utils import timezone

from loyalty.models import Client, Referral, ReferralRules
from loyalty.services import ledger, referrals
from tests import builders as b
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules() -> ReferralRules:
    return ReferralRules.objects.create(pk=1, active=True, when="registration", referrer_amount=500, referee_amount=300)


def code(till, person) -> str:
    return till.get(f"clients/{person.pk}/referral/").json()["code"]


def test_a_client_has_a_code_and_a_link(rules):
    till, anna = Till(), b.client()
    told = till.get(f"clients/{anna.pk}/referral/").json()
    assert told["active"] is True
    assert told["link"] == f"http://testserver/ref/{told['code']}/"
    assert referrals.referrer(told["code"], rules) == anna


def test_a_friend_registers_by_a_code_and_both_are_rewarded(rules):
    till, anna = Till(), b.client()
    body = {"phone": "+79991112233", "referral_code": code(till, anna)}
    boris = till.post("clients/", body).json()["id"]
    (row,) = till.get("referrals/").json()["results"]
    assert (row["referrer"], row["referee"], row["state"]) == (anna.pk, boris, "waiting")
    referrals.reward_due(timezone.now())
    assert till.get(f"referrals/{row['id']}/").json()["state"] == "rewarded"
    balances = ledger.balances([anna.pk, boris], timezone.now())
    assert (balances[anna.pk].available, balances[boris].available) == (500, 300)


def test_a_code_may_be_told_after_the_registration(rules):
    till, anna = Till(), b.client()
    boris = till.post("clients/", {"phone": "+79991112233"}).json()["id"]
    told = till.post("referrals/", {"client": str(boris), "code": code(till, anna)})
    assert told.status_code == 201
    assert (told.json()["state"], told.json()["referrer"]) == ("waiting", anna.pk)


def test_what_speaks_against_a_friend_is_said(rules):
    till, anna = Till(), b.client()
    told = till.post("referrals/", {"client": str(anna.pk), "code": code(till, anna)}).json()
    assert (told["state"], told["reason"]) == ("refused", "self")


def test_a_code_that_is_nobodys_brings_nobody(rules):
    till, boris = Till(), b.client()
    problem(till.post("referrals/", {"client": str(boris.pk), "code": "NOBODYS"}), 409, "conflict")
    assert till.post("clients/", {"email": "c@example.com", "referral_code": "NOBODYS"}).status_code == 201
    assert not Referral.objects.exists()


def test_while_referrals_are_off_nobody_is_brought():
    till, anna = Till(), b.client()
    assert till.get(f"clients/{anna.pk}/referral/").json()["active"] is False
    body = {"client": str(b.client().pk), "code": code(till, anna)}
    problem(till.post("referrals/", body), 409, "conflict")


def test_referrals_are_listed_by_both_sides_and_state(rules):
    till, anna = Till(), b.client()
    till.post("clients/", {"phone": "+79991112233", "referral_code": code(till, anna)})
    boris = Client.objects.get(phone="+79991112233")
    found = lambda query: len(till.get(f"referrals/?{query}").json()["results"])  # noqa: E731
    for query in (f"referrer={anna.pk}", "referee=phone:%2B79991112233", "state=waiting"):
        assert found(query) == 1, query
    for query in (f"referrer={boris.pk}", f"referee={anna.pk}", "state=refused"):
        assert found(query) == 0, query


@pytest.mark.parametrize(
    "body", [{}, {"client": "x", "code": "A"}, {"client": "1"}, {"code": "x" * 200, "client": "1"}]
)
def test_what_is_wrong_is_named(rules, body):
    problem(Till().post("referrals/", body), 400, "invalid")
