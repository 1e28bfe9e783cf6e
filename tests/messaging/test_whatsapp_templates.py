"""Templates of WhatsApp: read from Twilio, typed by staff (semantics §25, §28)."""

import base64

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from messaging.models import WhatsAppAccount, WhatsAppTemplate
from messaging.services import whatsapp_templates
from tests.builders import NOW
from tests.messaging.http_sink import HttpSink

pytestmark = pytest.mark.django_db

ACCOUNT = "AC" + "1" * 32
HX = "HX" + "a" * 32
QUICK = {
    "sid": HX, "friendly_name": "cart", "language": "ru", "variables": {"1": "Анна"},
    "types": {"twilio/quick-reply": {
        "body": "{{1}}, ваша корзина ждёт: {{2}}", "actions": [{"title": "Да", "id": "y"}, {"title": "Нет", "id": "n"}],
    }},
    "approval_requests": {"status": "approved", "name": "cart"},
}  # fmt: skip
PICTURE = {"sid": "HX" + "b" * 32, "types": {"twilio/media": {"media": ["https://shop.example/a.png"]}}}


def template(**values):
    given = {"name": "cart", "body": "{{1}}, ваша корзина ждёт: {{2}}", "variables": {"1": "Анна", "2": "…"}}
    return WhatsAppTemplate.objects.create(sid=HX, loaded_at=NOW, **given | {"replies": ["Да", "Нет"]} | values)


def account():
    return WhatsAppAccount.objects.create(
        name="W", channel="whatsapp", sid=ACCOUNT, token="secret", number="+15005550006"
    )


class TestLoading:
    def test_an_account_tells_its_templates_page_by_page_and_what_changed_since(self, settings):
        more = {"contents": [QUICK], "meta": {"next_page_url": "https://evil.example/v1/Next?Page=1"}}
        with HttpSink((200, {}, {"contents": [PICTURE], "meta": {"next_page_url": None}})) as sink:
            settings.TWILIO_API_BASE = sink.url
            sink.answers = [(200, {}, more)]
            assert whatsapp_templates.load(account(), NOW) == 1
            sink.answers = [(200, {}, {"contents": [QUICK | {"friendly_name": "cart 2"}]})]
            whatsapp_templates.load(WhatsAppAccount.objects.get(), NOW)
        key = base64.b64encode(f"{ACCOUNT}:secret".encode()).decode()
        # The key goes to Twilio alone, whatever host an answer names.
        assert [(call.path, call.headers["Authorization"]) for call in sink.calls[:2]] == [
            ("/v1/ContentAndApprovals", f"Basic {key}"), ("/v1/Next", f"Basic {key}"),
        ]  # fmt: skip
        found = WhatsAppTemplate.objects.get()
        assert (found.sid, found.name, found.status, found.replies) == (HX, "cart 2", "approved", ["Да", "Нет"])
        assert found.variables == {"1": "Анна", "2": ""}

    @pytest.mark.parametrize("answer", [(401, {}, {"message": "no"}), (200, {}, b"<html>")])
    def test_what_twilio_refuses_is_said_and_changes_nothing(self, settings, answer):
        template()
        with HttpSink(answer) as sink:
            settings.TWILIO_API_BASE = sink.url
            with pytest.raises(whatsapp_templates.NotLoaded, match=str(answer[0])):
                whatsapp_templates.load(account(), NOW)
        assert WhatsAppTemplate.objects.count() == 1

    def test_staff_load_them_from_the_page_of_the_account(self, settings, admin_client):
        with HttpSink((200, {}, {"contents": [QUICK]})) as sink:
            settings.TWILIO_API_BASE = sink.url
            where = reverse("admin:messaging_whatsappaccount_load_templates", args=[account().pk])
            page = admin_client.get(where, follow=True).content.decode()
        assert "1 template is known now." in page
        assert "ваша корзина ждёт" in page

    def test_who_may_only_see_accounts_loads_nothing(self):
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename="view_channelaccount"))
        browser = Browser()
        browser.force_login(user)
        where = reverse("admin:messaging_whatsappaccount_load_templates", args=[account().pk])
        assert browser.get(where).status_code == 403


def test_a_template_typed_by_staff_has_the_variables_of_its_text(admin_client):
    typed = {"sid": HX, "name": "Hi", "language": "en", "body": "Hi {{1}}, {{ 2 }} and {{1}}", "replies": "Yes\n\nNo"}
    admin_client.post(reverse("admin:messaging_whatsapptemplate_add"), typed)
    found = WhatsAppTemplate.objects.get()
    assert (found.variables, found.replies) == ({"1": "", "2": ""}, ["Yes", "No"])
