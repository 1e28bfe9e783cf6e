"""Telegram and VK: what they are sent, and what they refuse."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from messaging.models import Suppression, TelegramAccount, VkAccount
from messaging.services import outbox
from tests import builders as b
from tests.builders import NOW
from tests.messaging.http_sink import HttpSink
from tests.messaging.sending import queue, sent

pytestmark = pytest.mark.django_db(transaction=True)

BUTTONS = [{"text": "Shop", "url": "https://shop.example/"}, {"text": "Yes", "data": "yes"}]


class TestTelegram:
    @pytest.fixture
    def sink(self, settings):
        with HttpSink((200, {}, {"ok": True, "result": {"message_id": 5}})) as server:
            settings.TELEGRAM_API_BASE = server.url
            TelegramAccount.objects.create(name="Bot", channel="telegram", username="shop_bot", token="1:AA")
            yield server

    def test_text_and_inline_buttons(self, sink):
        message = sent(queue(b.client(), "telegram", address="42", extras={"buttons": BUTTONS}))
        assert (message.status, message.provider_id) == ("accepted", "42:5")
        assert sink.calls[0].path == "/bot1:AA/sendMessage"
        keys = [[{"text": "Shop", "url": "https://shop.example/"}], [{"text": "Yes", "callback_data": "yes"}]]
        assert sink.calls[0].json() == {"chat_id": "42", "text": "Text", "reply_markup": {"inline_keyboard": keys}}

    def test_patience_that_it_asks_for_is_the_bots(self, sink):
        sink.answers = [(429, {}, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 9}})]
        first = sent(queue(b.client(), "telegram", address="42"))
        assert first.due_at == NOW + timedelta(seconds=9)
        assert sent(queue(b.client(), "telegram", address="43"), NOW + timedelta(seconds=8)).status == "queued"

    @pytest.mark.parametrize(
        ("status", "words", "suppressed"),
        [
            (403, "Forbidden: bot was blocked by the user", True),
            (400, "Bad Request: chat not found", True),
            (400, "Bad Request: message text is empty", False),
        ],
    )
    def test_who_blocked_the_bot_is_not_written_to_again(self, sink, status, words, suppressed):
        sink.answers = [(status, {}, {"ok": False, "error_code": status, "description": words})]
        message = sent(queue(b.client(), "telegram", address="42"))
        assert (message.status, Suppression.objects.exists()) == ("failed", suppressed)

    def test_a_wrong_token_is_the_accounts_fault(self, sink):
        sink.answers = [(401, {}, {"ok": False, "description": "Unauthorized"})]
        assert sent(queue(b.client(), "telegram", address="42")).status == "queued"


class TestVk:
    @pytest.fixture
    def sink(self, settings):
        with HttpSink((200, {}, {"response": 991})) as server:
            settings.VK_API_BASE = server.url
            VkAccount.objects.create(name="VK", channel="vk", group_id=1, token="key", timeout=1)
            yield server

    def test_text_with_an_id_that_makes_repetition_harmless(self, sink):
        message = sent(queue(b.client(), "vk", address="100", extras={"buttons": BUTTONS}))
        assert (message.status, message.provider_id) == ("accepted", "991")
        form = sink.calls[0].form()
        assert form["random_id"] == str(message.pk)
        assert (form["user_id"], form["message"], form["access_token"]) == ("100", "Text", "key")
        assert '"open_link"' in form["keyboard"]
        assert urlsplit(sink.calls[0].path).path == "/method/messages.send"

    @pytest.mark.parametrize(
        ("code", "status", "suppressed"), [(901, "failed", True), (914, "failed", False), (6, "queued", False)]
    )
    def test_errors_by_their_codes(self, sink, code, status, suppressed):
        sink.answers = [(200, {}, {"error": {"error_code": code, "error_msg": "no"}})]
        message = sent(queue(b.client(), "vk", address="100"))
        assert (message.status, Suppression.objects.exists()) == (status, suppressed)

    def test_without_an_answer_it_is_sent_again_with_the_same_id(self, sink):
        sink.slow = 1.3
        message = sent(queue(b.client(), "vk", address="100"))
        assert message.status == "queued"
        sink.slow = 0
        assert sent(message, NOW + outbox.BACKOFF[0]).status == "accepted"
        assert len({call.form()["random_id"] for call in sink.calls}) == 1
