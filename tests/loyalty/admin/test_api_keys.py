"""Keys of the API in the admin: shown once, narrowed, switched off."""

import re

import pytest
from django.urls import reverse

from loyalty.models import ApiKey
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


def _form(**values):
    return {"name": "Till 7", "scopes": ["clients:read"], "rate": "", "expires_at_0": "", "expires_at_1": ""} | values


def test_a_key_is_made_shown_once_and_works(admin_client):
    answer = admin_client.post(reverse("admin:loyalty_apikey_add"), _form(active="on", rate="120"))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret = re.search(r"lk_[\w-]{20,}", answer.content.decode()).group()
    row = ApiKey.objects.get()
    assert (row.scopes, row.rate, row.active, row.source.slug) == (["clients:read"], 120, True, "api")
    till = Till()
    till.secret = secret
    assert till.get("clients/").status_code == 200
    for name, args in (("changelist", []), ("change", [row.pk])):
        page = admin_client.get(reverse(f"admin:loyalty_apikey_{name}", args=args)).content.decode()
        assert "Till 7" in page
        assert secret not in page


def test_a_key_is_narrowed_and_switched_off(admin_client):
    till = Till("clients:read", "clients:write")
    change = reverse("admin:loyalty_apikey_change", args=[till.row.pk])
    assert admin_client.post(change, _form(active="on")).status_code == 302
    problem(till.post("clients/", {"email": "a@example.com"}), 403)
    assert admin_client.post(change, _form()).status_code == 302
    problem(till.get("clients/"), 401)


@pytest.mark.parametrize("values", [{"scopes": []}, {"scopes": ["clients:fly"]}, {"name": ""}])
def test_a_key_that_cannot_be_is_refused_in_the_form(admin_client, values):
    assert admin_client.post(reverse("admin:loyalty_apikey_add"), _form(**values)).status_code == 200
    assert not ApiKey.objects.exists()


def test_a_name_that_is_taken_is_refused_in_the_form(admin_client):
    till = Till()
    answer = admin_client.post(reverse("admin:loyalty_apikey_add"), _form(name=till.row.name))
    assert "already exists" in answer.content.decode()
