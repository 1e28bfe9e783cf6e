"""Chats and devices in the admin: found by their client, switched off and on."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from messaging.models import ClientAddress, Suppression
from messaging.services import recipients
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db
LIST = "admin:messaging_clientaddress_changelist"


@pytest.fixture
def anna():
    client = b.client()
    ClientAddress.objects.create(
        client=client, channel="push", value="anna-token", device="Pixel 8", created_at=NOW, seen_at=NOW
    )
    other = b.client()
    ClientAddress.objects.create(client=other, channel="telegram", value="42", created_at=NOW, seen_at=NOW)
    return client


def _do(browser, action, *rows):
    return browser.post(reverse(LIST), {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def test_addresses_are_found_by_their_client_and_channel(admin_client, anna):
    page = admin_client.get(reverse(LIST), {"q": anna.email}).content.decode()
    assert "anna-token" in page
    assert ">42<" not in page
    assert "anna-token" not in admin_client.get(reverse(LIST), {"channel__exact": "telegram"}).content.decode()


def test_switched_off_nothing_is_sent_there_until_it_is_switched_on(admin_client, anna):
    row = ClientAddress.objects.get(client=anna)
    assert "1 address switched off" in _do(admin_client, "switch_off", row).content.decode()
    assert recipients.load([anna.pk])[anna.pk].address("push") == ""
    assert Suppression.objects.get().kind == "staff"
    assert "anna-token" in admin_client.get(reverse(LIST), {"state": "off"}).content.decode()
    assert "anna-token" not in admin_client.get(reverse(LIST), {"state": "on"}).content.decode()
    _do(admin_client, "switch_on", row)
    assert recipients.load([anna.pk])[anna.pk].address("push") == "anna-token"


def test_whoever_may_only_look_switches_nothing(anna):
    user = User.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_clientaddress"))
    browser = Browser()
    browser.force_login(user)
    assert browser.get(reverse(LIST)).status_code == 200
    _do(browser, "switch_off", *ClientAddress.objects.all())
    assert not Suppression.objects.exists()


def test_one_page_can_be_looked_at_and_changed_by_nobody(admin_client, anna):
    page = admin_client.get(
        reverse("admin:messaging_clientaddress_change", args=[ClientAddress.objects.get(client=anna).pk])
    )
    assert "Pixel 8" in page.content.decode()
    assert "_save" not in page.content.decode()
