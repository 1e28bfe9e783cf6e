"""Channel accounts in the admin: secrets go in and never come out; a test; the switch."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from messaging.models import GatewayAccount, Message, SendingSwitch, SmtpAccount, TelegramAccount, TwilioAccount
from messaging.services import outbox
from tests.builders import NOW
from tests.messaging.http_sink import HttpSink

pytestmark = pytest.mark.django_db

LIST = "admin:messaging_channelaccount_changelist"


def _smtp(**values):
    return {
        "name": "News", "from_email": "Shop <shop@example.com>", "host": "mail.example.com", "port": "587",
        "security": "starttls", "username": "shop", "password": "", "active": "on", "rate": "", "price": "",
        "concurrency": "20", "timeout": "15",
    } | values  # fmt: skip


def _made(admin_client, **values):
    answer = admin_client.post(reverse("admin:messaging_smtpaccount_add"), _smtp(**values))
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    return SmtpAccount.objects.latest("pk")


def test_every_kind_can_be_chosen(admin_client):
    page = admin_client.get(reverse("admin:messaging_channelaccount_add")).content.decode()
    for kind in ("smtp", "esp", "twilio", "whatsapp", "gateway", "telegram", "vk", "fcm", "webpush"):
        address = reverse(f"admin:messaging_{kind}account_add")
        assert address in page
        assert admin_client.get(address).status_code == 200


def test_a_secret_is_kept_and_never_shown(admin_client):
    account = _made(admin_client, password="hush-hush")
    change = reverse("admin:messaging_smtpaccount_change", args=[account.pk])
    assert admin_client.post(change, _smtp(name="Other")).status_code == 302
    account.refresh_from_db()
    assert (account.name, account.password, account.channel) == ("Other", "hush-hush", "email")
    for address in (change, reverse(LIST)):
        page = admin_client.get(address).content.decode()
        assert "Other" in page
        assert "hush-hush" not in page


def test_a_new_main_account_takes_the_place_of_the_old_one(admin_client):
    first, second = (_made(admin_client, name=name, is_default="on") for name in ("A", "B"))
    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (False, True)


def test_what_is_wrong_is_named(admin_client):
    answer = admin_client.post(
        reverse("admin:messaging_twilioaccount_add"),
        {"name": "T", "sid": "wrong", "token": "", "number": "+1", "active": "on", "concurrency": "1", "timeout": "5"},
    )
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {"sid", "token"}
    assert not TwilioAccount.objects.exists()


def test_a_test_goes_through_this_account_and_is_marked(admin_client, settings):
    settings.EMAIL_BACKEND = "messaging.channels.sink.EmailBackend"
    account = GatewayAccount.objects.create(name="G", channel="sms", url="https://sms.example/")
    address = reverse("admin:messaging_gatewayaccount_test", args=[account.pk])
    assert admin_client.get(address).status_code == 200
    answer = admin_client.post(address, {"address": "+79990000001", "body": "Hello"})
    message = Message.objects.get()
    assert answer.url == reverse("admin:messaging_message_change", args=[message.pk])
    assert (message.test, message.account_id, message.client_id, message.address) == (
        True, account.pk, None, "+79990000001",
    )  # fmt: skip
    assert admin_client.get(answer.url).status_code == 200
    assert admin_client.get(reverse("admin:messaging_message_changelist")).status_code == 200


def test_only_who_may_sends_tests_and_stops_everything(client):
    account = GatewayAccount.objects.create(name="G", channel="sms", url="https://sms.example/")
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_channelaccount"))
    client.force_login(viewer)
    assert client.get(reverse("admin:messaging_gatewayaccount_change", args=[account.pk])).status_code == 200
    test = reverse("admin:messaging_gatewayaccount_test", args=[account.pk])
    assert client.post(test, {"address": "+79990000001", "body": "x"}).status_code == 403
    assert client.post(reverse("admin:messaging_sending_switch"), {"stopped": "1"}).status_code == 403
    assert not Message.objects.exists()


def test_the_switch_stops_everything_until_it_is_lifted(admin_client):
    switch = reverse("admin:messaging_sending_switch")
    admin_client.post(switch, {"stopped": "1"})
    assert SendingSwitch.objects.get().by == "admin"
    assert "stopped" in admin_client.get(reverse(LIST)).content.decode()
    assert outbox.send_due(NOW) == 0
    admin_client.post(switch, {"stopped": "0"})
    assert not SendingSwitch.objects.get().stopped


def test_the_list_asks_the_same_however_many_accounts_there_are(admin_client, django_assert_max_num_queries):
    for number in range(12):
        GatewayAccount.objects.create(name=f"G{number}", channel="sms", url="https://sms.example/")
    with django_assert_max_num_queries(12):
        assert admin_client.get(reverse(LIST)).status_code == 200


def test_a_bot_is_told_where_to_report(admin_client, settings):
    account = TelegramAccount.objects.create(name="Bot", channel="telegram", username="shop_bot", token="1:AA")
    action = reverse("admin:messaging_telegramaccount_connect", args=[account.pk])
    with HttpSink((200, {}, {"ok": True, "result": True})) as sink:
        settings.TELEGRAM_API_BASE = sink.url
        sink.answers = [(400, {}, {"ok": False, "description": "bad webhook: HTTPS url must be provided"})]
        assert "HTTPS url must be provided" in admin_client.get(action, follow=True).content.decode()
        assert admin_client.get(action).status_code == 302
    told = sink.calls[-1].json()
    assert sink.calls[-1].path == "/bot1:AA/setWebhook"
    assert (told["url"], told["secret_token"]) == (
        f"{settings.PUBLIC_URL}/webhooks/telegram/{account.pk}/", account.webhook_secret,
    )  # fmt: skip
