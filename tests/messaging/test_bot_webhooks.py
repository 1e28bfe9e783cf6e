"""What bots hear: sign-ups by signed links, answers, blocks (contract §2)."""

import pytest
from django.urls import reverse

from loyalty.models import Event
from messaging import tokens
from messaging.buttons import Button, Kind
from messaging.models import ClientAddress, Suppression, TelegramAccount, VkAccount
from messaging.services import addresses
from messaging.tokens import Purpose
from tests import builders as b
from tests.builders import NOW
from tests.messaging.sending import queue

pytestmark = pytest.mark.django_db


def _token(client):
    return tokens.sign(Purpose.SIGN_UP, client.pk)


class TestTelegram:
    @pytest.fixture
    def say(self, client):
        account = TelegramAccount.objects.create(name="Bot", channel="telegram", username="shop_bot", token="1:AA")
        numbers = iter(range(1, 99))

        def call(secret=account.webhook_secret, number=None, **update):
            update["update_id"] = number or next(numbers)
            return client.post(
                reverse("telegram-update", args=[account.pk]), update, content_type="application/json",
                headers={"X-Telegram-Bot-Api-Secret-Token": secret},
            )  # fmt: skip

        return call

    def _text(self, text, chat=42):
        return {"chat": {"id": chat, "type": "private"}, "text": text, "message_id": 1, "date": 0}

    def test_start_by_a_signed_link_binds_the_chat(self, say):
        anna = b.client(consent=False)
        assert say(message=self._text(f"/start {_token(anna)}")).status_code == 204
        assert ClientAddress.objects.get().client == anna
        assert anna.consents.get().channel == "telegram"

    def test_a_start_that_nobody_signed_binds_nothing(self, say):
        assert say(message=self._text("/start 12345")).status_code == 204
        assert say(message=self._text("/start")).status_code == 204
        assert not ClientAddress.objects.exists()

    def test_without_the_secret_nothing_is_heard(self, say):
        assert say(secret="wrong", message=self._text(f"/start {_token(b.client())}")).status_code == 401
        assert not ClientAddress.objects.exists()

    def test_an_answer_is_an_event_once(self, say):
        anna = b.client()
        addresses.sign_up(anna, "telegram", "42", "", addresses.Evidence("test"), NOW)
        for _ in range(2):
            say(number=7, message=self._text("Hello"))
        event = Event.objects.get(name="message.replied")
        assert (event.client_id, event.payload["text"]) == (anna.pk, "Hello")

    def test_a_button_is_pressed_once_by_its_owner_and_thanks(self, say):
        anna = b.client()
        addresses.sign_up(anna, "telegram", "42", "", addresses.Evidence("test"), NOW)
        buttons = [Button("Yes", Kind.REPLY, thanks="Thank you!")]
        message = queue(anna, "telegram", address="42", buttons=buttons)
        data = message.extras["buttons"][0]["data"]
        assert len(data) <= 64
        stranger = say(callback_query={"id": "q0", "from": {"id": 43}, "data": data})
        assert stranger.json()["text"] == ""
        assert not Event.objects.filter(name="message.replied").exists()
        for _ in range(2):
            answer = say(callback_query={"id": "q1", "from": {"id": 42}, "data": data})
        assert answer.json() == {"method": "answerCallbackQuery", "callback_query_id": "q1", "text": "Thank you!"}
        assert Event.objects.get(name="message.replied").payload["button"] == "Yes"
        assert say(callback_query={"id": "q2", "from": {"id": 42}, "data": "forged"}).status_code == 200

    def test_who_blocks_the_bot_is_not_written_to(self, say):
        say(my_chat_member={"chat": {"id": 42}, "new_chat_member": {"status": "kicked"}})
        assert Suppression.objects.get().address == "42"


class TestVk:
    @pytest.fixture
    def say(self, client):
        account = VkAccount.objects.create(
            name="VK", channel="vk", group_id=7, token="k", confirmation="c0de", callback_secret="hush-hush"
        )

        def call(kind, secret="hush-hush", group=7, **said):
            told = {"type": kind, "group_id": group, "secret": secret, "event_id": "e1", "object": said}
            return client.post(reverse("vk-callback", args=[account.pk]), told, content_type="application/json")

        return call

    def test_the_address_is_confirmed(self, say):
        assert say("confirmation").content == b"c0de"

    def test_a_message_by_a_signed_link_binds_the_user(self, say):
        anna = b.client()
        assert say("message_new", message={"from_id": 100, "text": "Hi", "ref": _token(anna)}).content == b"ok"
        assert ClientAddress.objects.get().client == anna
        assert Event.objects.get(name="message.replied").payload["text"] == "Hi"

    def test_permission_by_the_widget_binds_and_its_end_suppresses(self, say):
        anna = b.client()
        say("message_allow", user_id=100, key=_token(anna))
        assert ClientAddress.objects.get().value == "100"
        say("message_deny", user_id=100)
        assert Suppression.objects.get().address == "100"

    def test_without_the_secret_nothing_is_heard(self, say):
        assert say("message_deny", secret="wrong", user_id=100).status_code == 401
        assert say("message_deny", group=8, user_id=100).status_code == 401
        assert not Suppression.objects.exists()
