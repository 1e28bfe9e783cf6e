"""Bonuses by hand: with permission, with a reason, once a click."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from loyalty.models import BonusHold, BonusOperation
from loyalty.services import ledger
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _post(client, person, **values):
    data = {"amount": "50", "reason": "sorry", "days": "", "key": "k1"} | values
    return client.post(reverse("admin:loyalty_client_bonuses", args=[person.pk]), data)


def test_a_correction_is_posted_with_its_author_once_a_form(admin_client, admin_user):
    anna = b.client()
    for _ in range(2):
        assert _post(admin_client, anna).status_code == 302
    operation = BonusOperation.objects.get()
    assert (operation.amount, operation.reason, operation.author) == (50, "sorry", admin_user)
    page = admin_client.get(reverse("admin:loyalty_client_change", args=[anna.pk])).content.decode()
    assert "sorry" in page
    assert "+50" in page


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"amount": "0"}, "corrects nothing"),
        ({"amount": "-1"}, "only 0 available"),
        ({"amount": "many"}, "whole number"),
        ({"amount": "9" * 30}, "less than or equal"),
        ({"reason": " "}, "required"),
    ],
)
def test_a_wrong_correction_is_refused_with_words(admin_client, values, words):
    answer = _post(admin_client, b.client(), **values)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not BonusOperation.objects.exists()


def test_a_lifetime_ends_by_days(admin_client):
    anna = b.client()
    _post(admin_client, anna, days="0")
    assert anna.bonuslot_set.get().expires_at <= timezone.now() + timedelta(days=1)


def test_staff_without_the_permission_cannot(client, django_user_model):
    clerk = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_client"))
    client.force_login(clerk)
    anna = b.client()
    assert _post(client, anna).status_code == 403
    assert client.get(reverse("admin:loyalty_client_bonuses", args=[anna.pk])).status_code == 403


def test_a_hold_is_released_from_the_clients_page(admin_client):
    anna = b.client()
    ledger.accrue("t", ledger.Grant(anna.pk, 100, "a", NOW), NOW)
    held = ledger.hold("t", anna.pk, 60, "h", timezone.now() + timedelta(days=1), timezone.now(), "order 7")
    page = admin_client.get(reverse("admin:loyalty_client_change", args=[anna.pk])).content.decode()
    assert "order 7" in page
    url = reverse("admin:loyalty_hold_release", args=[held])
    assert admin_client.get(url).status_code == 403
    for _ in range(2):
        assert admin_client.post(url).status_code == 302
    assert BonusHold.objects.get().state == "released"


def test_the_list_of_operations_takes_a_fixed_number_of_queries(admin_client, django_assert_max_num_queries):
    people = b.clients(60, consent=False)
    ledger.accrue_many("t", [ledger.Grant(p.pk, 5, f"k{p.pk}", NOW) for p in people], NOW)
    with django_assert_max_num_queries(8):
        page = admin_client.get(reverse("admin:loyalty_bonusoperation_changelist")).content.decode()
    assert page.count("+5") >= 50
