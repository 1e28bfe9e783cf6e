"""The preview of a message, and the test to oneself: who may, what is shown, what the log says."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from messaging.models import ChannelPrice, Message
from tests import builders as b

pytestmark = pytest.mark.django_db

EMAIL = {
    "channel": "email",
    "topic": "service",
    "subject": "Hi {{ client.first_name }}",
    "body": "",
    "html": "<p>A</p>",
}
SMS = {"channel": "sms", "topic": "service", "body": "Привет, {{ client.first_name }}"}


def staff(*permissions: str) -> Browser:
    user = User.objects.create_user("staff", "staff@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser(raise_request_exception=True)
    browser.force_login(user)
    return browser


def ask(browser: Browser, what: str = "preview", **values: str) -> str:
    return browser.post(reverse(f"admin:scenarios_sendmessage_{what}"), values).content.decode()


@pytest.fixture
def editor() -> Browser:
    return staff("change_scenario", "view_scenario", "view_client")


@pytest.mark.parametrize("what", ["preview", "test"])
def test_who_may_not_change_scenarios_sees_no_preview(what):
    browser = staff("view_scenario")
    assert browser.post(reverse(f"admin:scenarios_sendmessage_{what}"), EMAIL).status_code == 403
    assert Browser().post(reverse(f"admin:scenarios_sendmessage_{what}"), EMAIL).status_code == 302
    assert not Message.objects.exists()


def test_the_message_is_shown_as_the_chosen_client_gets_it(editor):
    client = b.client(first_name="Ольга", phone="+79990001122")
    page = ask(editor, **EMAIL, who=client.email)
    assert "Hi Ольга" in page
    assert 'sandbox=""' in page
    assert "&lt;p&gt;A&lt;/p&gt;" in page


def test_who_may_not_see_clients_sees_an_example_alone():
    browser = staff("change_scenario")
    client = b.client(first_name="Ольга")
    assert "Hi Anna" in ask(browser, **EMAIL)
    assert (
        browser.post(reverse("admin:scenarios_sendmessage_preview"), EMAIL | {"who": client.email}).status_code == 403
    )


def test_an_sms_is_counted_in_parts_and_priced(editor):
    ChannelPrice.objects.create(channel="sms", price=Decimal("2.50"))
    page = ask(editor, **SMS | {"body": "я" * 71})
    assert "2 parts" in page
    assert "71 characters" in page
    assert "67 in each of several" in page
    assert "5" in page.split("Costs")[1][:6]


def test_a_mistake_is_shown_with_its_place(editor):
    assert "line 1, column 4" in ask(editor, **SMS | {"body": "{{ klient }}"})


def test_what_steps_above_give_is_an_example(editor):
    assert "ACDE-FGHJ-KMNP" in ask(editor, **SMS | {"body": "{% promo %}"})


def test_a_test_goes_to_oneself_and_counts_nowhere(editor):
    page = ask(editor, "test", **EMAIL)
    assert "staff@example.com" in page
    message = Message.objects.get()
    assert (message.address, message.test, message.recipient) == ("staff@example.com", True, "staff")
    assert (message.client_id, message.scenario_id, message.run_id) == (None, None, None)
    assert message.subject == "[Test] Hi Anna"
    assert (message.html, message.body) == ("<p>A</p>", "A")


def test_a_test_of_what_cannot_be_made_is_not_sent(editor):
    assert "Nothing was sent" in ask(editor, "test", **EMAIL | {"subject": "{{ x }}"})
    assert not Message.objects.exists()
