"""`/ref/<code>/`: remembers who invited, and leads to the programme's address alone."""

import pytest

from loyalty.models import Event, ReferralRules
from loyalty.services import merge
from loyalty.services.referral_codes import code_of
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules():
    return ReferralRules.objects.create(
        pk=1, active=True, referrer_amount=1, url="https://shop.example/new?a=1&ref=old#x"
    )


def test_a_link_leads_to_the_shop_with_the_code_and_is_counted_once_a_day(client, rules):
    anna = b.client()
    code = code_of(anna.pk, rules.key)
    answer = client.get(f"/ref/{code.lower()}/")
    assert (answer.status_code, answer.url) == (302, f"https://shop.example/new?a=1&ref={code}#x")
    assert answer.cookies["ref"]["httponly"]
    assert client.get(f"/ref/{code}/").status_code == 302
    client.cookies.clear()
    client.get(f"/ref/{code}/")
    event = Event.objects.get(name="referral.clicked")
    assert (event.client, event.payload) == (anna, {"code": code})
    client.get(f"/ref/{code}/", REMOTE_ADDR="203.0.113.9", HTTP_COOKIE="")
    assert Event.objects.filter(name="referral.clicked").count() == 2


def test_a_preview_that_only_looks_is_no_click(client, rules):
    assert client.head(f"/ref/{code_of(b.client().pk, rules.key)}/").status_code == 302
    assert not Event.objects.exists()


def test_without_an_address_a_plain_page_says_the_code(client, rules):
    ReferralRules.objects.update(url="")
    code = code_of(b.client().pk, rules.key)
    page = client.get(f"/ref/{code}/")
    assert page.status_code == 200
    assert code in page.content.decode()
    assert "viewport" in page.content.decode()
    assert "<script" not in page.content.decode()


@pytest.mark.parametrize("code", ["NOSUCHCODE", "x" * 300, "%00", "..%2F..%2F", "‮abc"])
def test_a_code_that_is_nobodys_is_a_plain_404(client, rules, code):
    page = client.get(f"/ref/{code}/")
    assert page.status_code == 404
    assert not Event.objects.exists()


def test_an_invitation_that_is_over_is_a_plain_410(client, rules):
    ReferralRules.objects.update(active=False)
    page = client.get(f"/ref/{code_of(b.client().pk, rules.key)}/")
    assert page.status_code == 410
    assert "ref" not in page.cookies


def test_a_forged_cookie_is_nothing(client, rules):
    anna = b.client()
    code = code_of(anna.pk, rules.key)
    client.cookies["ref"] = f"{code}:forged:signature"
    client.get(f"/ref/{code}/")
    assert Event.objects.filter(name="referral.clicked").count() == 1


def test_the_link_of_a_merged_guest_is_the_clients(client, rules):
    guest, anna = b.client(), b.client()
    merge.merge(guest.pk, anna.pk, NOW)
    client.get(f"/ref/{code_of(guest.pk, rules.key)}/")
    assert Event.objects.get(name="referral.clicked").client == anna


def test_nothing_is_posted_there(client, rules):
    assert client.post(f"/ref/{code_of(b.client().pk, rules.key)}/").status_code == 405
