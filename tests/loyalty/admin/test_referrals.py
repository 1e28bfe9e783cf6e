"""The staff's pages of referrals."""

import pytest
from django.urls import reverse

from loyalty.models import ReferralRules
from loyalty.services import referrals
from loyalty.services.referral_codes import code_of
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def test_the_rules_are_one_page(admin_client):
    page = admin_client.get(reverse("admin:loyalty_referralrules_changelist"))
    url = reverse("admin:loyalty_referralrules_change", args=[1])
    assert page.url == url
    data = {"active": "on", "when": "order", "referrer_amount": "500", "referee_amount": "0", "window_days": "14"}
    data |= {"valid_days": "180", "min_order": "1000.00", "url": "https://shop.example/"}
    assert admin_client.post(url, data).status_code == 302
    assert ReferralRules.objects.get().min_order == 100_000
    for wrong in ({"referrer_amount": "0"}, {"url": "javascript:alert(1)"}, {"min_order": "-5"}):
        assert admin_client.post(url, data | wrong).status_code == 200


def test_referrals_are_found_by_either_client_and_by_code_with_state_and_reason(admin_client):
    rules = ReferralRules.objects.create(pk=1, active=True, referrer_amount=5)
    anna, boris = b.client(first_name="Anna"), b.client(first_name="Boris", email="boris@example.com")
    code = code_of(anna.pk, rules.key)
    referrals.register(boris.pk, code, NOW, NOW)
    referrals.register(anna.pk, code, NOW, NOW)
    url = reverse("admin:loyalty_referral_changelist")
    for text in ("boris@example.com", anna.phone, code.lower()):
        page = admin_client.get(url, {"q": text}).content.decode()
        assert "Boris" in page, text
    assert "brought themselves" in page
    row = boris.brought_by
    assert admin_client.get(reverse("admin:loyalty_referral_change", args=[row.pk])).status_code == 200
    page = admin_client.get(reverse("admin:loyalty_client_change", args=[anna.pk])).content.decode()
    assert f"/ref/{code}/" in page
