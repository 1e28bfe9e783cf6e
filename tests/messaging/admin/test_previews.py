"""The preview of a message, and the test to oneself: who may, what is shown, what the log says."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from loyalty.models import Consent
from messaging.models import ChannelPrice, ClientAddress, Message, Suppression
from tests import builders as b
from tests.builders import NOW
from tests.messaging.test_whatsapp_templates import HX, template

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


BUTTONS = {
    "buttons-text": ["Да", "Магазин"], "buttons-kind": ["reply", "link"], "buttons-url": ["", "https://shop.example/"],
    "buttons-segment": ["", ""], "buttons-thanks": ["", ""],
}  # fmt: skip


class TestButtons:
    @pytest.mark.parametrize("channel", ["telegram", "vk"])
    def test_are_buttons_where_the_channel_has_them(self, editor, channel):
        page = ask(editor, **SMS | {"channel": channel}, **BUTTONS)
        assert "<li>Да</li><li>Магазин</li>" in page
        assert "/b/" not in page

    def test_are_links_in_other_texts_and_counted_with_them(self, editor):
        page = ask(editor, **SMS | {"body": "я"}, **BUTTONS)
        assert "Магазин: <a" not in page
        assert "/b/" in page.split("Магазин: ")[1]
        assert "2 parts" in page

    def test_are_in_the_e_mail(self, editor):
        assert "Магазин&lt;/a&gt;" in ask(editor, **EMAIL, **BUTTONS)

    def test_are_the_quick_replies_of_a_template_and_what_it_lacks_is_said(self, editor):
        template()
        said = {"template": HX, "variables-name": ["1", "2"], "variables-text": ["{{ client.first_name }}", "чай"]}
        page = ask(editor, channel="whatsapp", topic="service", **said, **BUTTONS)
        assert "Anna, ваша корзина ждёт: чай" in page
        assert "<li>Да</li><li>Нет</li>" in page
        assert "no button «Магазин»" in page

    def test_a_push_opens_the_first(self, editor):
        page = ask(editor, **SMS | {"channel": "push", "subject": "Title"}, **BUTTONS)
        assert "<b>Title</b>" in page
        assert "opens the first button" in page

    def test_half_a_button_is_not_shown_yet(self, editor):
        page = ask(editor, **SMS | {"channel": "telegram"}, **BUTTONS | {"buttons-url": ["", "http"]})
        assert "<li>Да</li></ul>" in page

    def test_a_mistake_in_one_is_named(self, editor):
        said = BUTTONS | {"buttons-text": ["{{ klient }}", "Магазин"]}
        assert "line 1, column 4" in ask(editor, **SMS | {"channel": "telegram"}, **said)


class TestCascade:
    BOTH = EMAIL | {"channel_2": "sms", "body_2": "я" * 71, "channel_3": "", "body_3": ""}

    def test_each_channel_is_looked_at_with_its_parts_and_cost(self, editor):
        ChannelPrice.objects.create(channel="sms", price=Decimal("2.50"))
        first, second = ask(editor, **self.BOTH), ask(editor, **self.BOTH, place="1")
        assert ("1. E-mail" in first, "2. SMS" in first, "2 parts" in first) == (True, True, False)
        assert ("2 parts" in second, "Costs 5" in second) == (True, True)

    @pytest.mark.parametrize("place", ["9", "x", "-1", "999999"])
    def test_a_place_that_is_not_there_is_no_error(self, editor, place):
        assert "1. E-mail" in ask(editor, **self.BOTH, place=place)

    def test_an_e_mail_in_the_second_place_has_its_spam_checks(self, editor):
        said = {"channel_2": "email", "subject_2": "СКИДКА СКИДКА", "body_2": "x", "topic": "marketing"}
        assert "CAPITALS" in ask(editor, **SMS | said, place="1")

    def test_a_test_goes_through_the_channel_that_is_looked_at(self, editor):
        ask(editor, "test", **self.BOTH, place="1", address="+79990001122")
        message = Message.objects.get()
        assert (message.channel, message.address, message.body) == ("sms", "+79990001122", "я" * 71)


class TestTests:
    @pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram", "vk", "push", "webpush", "messenger"])
    def test_any_channel_sends_one_to_an_address_with_its_buttons(self, editor, channel):
        page = ask(editor, "test", **SMS | {"channel": channel, "subject": "T"}, **BUTTONS, address="42")
        assert "on its way to 42" in page
        message = Message.objects.get()
        assert (message.channel, message.address, message.test, message.client_id) == (channel, "42", True, None)
        assert [row["text"] for row in message.extras["buttons"]] == ["Да", "Магазин"]

    @pytest.mark.parametrize("channel", ["sms", "telegram"])
    def test_without_an_address_nothing_goes(self, editor, channel):
        assert "Type an address" in ask(editor, "test", **SMS | {"channel": channel})
        assert not Message.objects.exists()

    def test_one_goes_to_the_client_who_is_looked_at_and_stays_nobody_s(self, editor):
        client = b.client(first_name="Ольга")
        ClientAddress.objects.create(client=client, channel="telegram", value="77", created_at=NOW, seen_at=NOW)
        page = ask(editor, "test", **SMS | {"channel": "telegram"}, who=client.email, to_client="1")
        assert "on its way to the client" in page
        message = Message.objects.get()
        assert (message.address, message.body, message.client_id) == ("77", "Привет, Ольга", None)

    @pytest.mark.parametrize("why", ["address", "consent", "suppressed"])
    def test_none_goes_to_a_client_who_must_not_be_written_to(self, editor, why):
        client, said = b.client(), SMS | {"topic": "marketing"}
        if why == "address":
            said = SMS | {"channel": "telegram"}
        elif why == "consent":
            Consent.objects.all().delete()
        else:
            Suppression.objects.create(channel="sms", address=client.phone, since=NOW)
            said = SMS
        assert "Nothing was sent: " in ask(editor, "test", **said, who=client.email, to_client="1")
        assert not Message.objects.exists()

    def test_nobody_is_guessed(self, editor):
        assert "Choose the client first" in ask(editor, "test", **SMS, who="nobody@example.com", to_client="1")

    def test_who_may_not_see_clients_sends_none_to_them(self):
        client, browser = b.client(), staff("change_scenario")
        answer = browser.post(
            reverse("admin:scenarios_sendmessage_test"), SMS | {"who": client.email, "to_client": "1"}
        )
        assert (answer.status_code, Message.objects.exists()) == (403, False)
