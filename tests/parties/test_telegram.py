"""A bot and a client of it talk over telegram-test-api, which emulates Telegram's Bot API (semantics §28)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser

from loyalty.models import Event
from messaging import tokens
from messaging.buttons import Button, Kind
from messaging.channels import http, wire
from messaging.models import ClientAddress, InboundMessage, TelegramAccount
from messaging.services import bots
from messaging.tokens import Purpose
from tests import builders as b
from tests.messaging.sending import queue, sent
from tests.parties.npm import HERE, free_port, installed, serving

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN, CHAT = "123456:AAxx", 4242
WHO = {
    "from": {"id": CHAT, "first_name": "Anna", "is_bot": False},
    "chat": {"id": CHAT, "first_name": "Anna", "type": "private"},
}


def _post(url: str, told: Any) -> Any:
    return wire().run(http.call("POST", url, timeout=5, json=told)).json()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    installed()
    port, log = free_port(), tmp_path_factory.mktemp("telegram") / "log"
    with serving(["node", str(HERE / "telegram.js"), str(port)], port, log) as url:
        yield url


class _Client:
    """A person in Telegram; what it does reaches our webhook as Telegram would bring it, with the bot's secret."""

    def __init__(self, emulator: str, account: TelegramAccount) -> None:
        self._emulator, self._account = emulator, account

    def does(self, what: str, **told: Any) -> list[Any]:
        """What our webhook answers, update by update."""
        _post(f"{self._emulator}/{what}", {"botToken": TOKEN, "date": 1_770_000_000, **WHO} | told)
        updates = _post(f"{self._emulator}/bot{TOKEN}/getUpdates", {})["result"]
        return [self._bring(update) for update in updates]

    def reads(self) -> list[dict[str, Any]]:
        """What the bot wrote since the last time."""
        found = _post(f"{self._emulator}/getUpdates", {"token": TOKEN, "chatId": CHAT})["result"]
        return [message["message"] for message in found]

    def _bring(self, update: dict[str, Any]) -> Any:
        answer = Browser().post(
            f"/webhooks/telegram/{self._account.pk}/", update, content_type="application/json",
            headers={"X-Telegram-Bot-Api-Secret-Token": self._account.webhook_secret},
        )  # fmt: skip
        assert answer.status_code in (200, 204)
        return answer.json() if answer.content else None


@pytest.fixture
def chat(emulator, settings) -> _Client:
    settings.TELEGRAM_API_BASE = emulator
    account = TelegramAccount.objects.create(name="Bot", channel="telegram", username="shop_bot", token=TOKEN)
    found = _Client(emulator, account)
    found.reads()
    return found


def _signed_up(chat):
    anna = b.client(consent=False)
    command = {"offset": 0, "length": 6, "type": "bot_command"}
    chat.does("sendCommand", text=f"/start {tokens.sign(Purpose.SIGN_UP, anna.pk)}", entities=[command])
    return anna


def test_a_deep_link_signs_the_client_up_and_messages_reach_the_chat(chat):
    anna = _signed_up(chat)
    assert ClientAddress.objects.get().client == anna
    assert anna.consents.get().channel == "telegram"
    message = sent(queue(anna, "telegram", address=ClientAddress.objects.get().value, body="Привет 🎁"))
    assert message.status == "accepted"
    assert message.provider_id.startswith(f"{CHAT}:")
    assert [said["text"] for said in chat.reads()] == ["Привет 🎁"]


def test_buttons_are_real_and_a_press_comes_back_once(chat):
    anna = _signed_up(chat)
    buttons = [Button("Shop", Kind.LINK, url="https://shop.example/"), Button("Yes", Kind.REPLY, thanks="Thank you!")]
    sent(queue(anna, "telegram", address=str(CHAT), buttons=buttons))
    (said,) = chat.reads()
    (shop,), (yes,) = said["reply_markup"]["inline_keyboard"]
    assert (shop["text"], yes["text"]) == ("Shop", "Yes")
    assert "/b/" in shop["url"]
    for _ in range(2):
        (answer,) = chat.does("sendCallback", data=yes["callback_data"], message=WHO)
        assert (answer["method"], answer["text"]) == ("answerCallbackQuery", "Thank you!")
    assert Event.objects.get(name="message.replied").payload["button"] == "Yes"


def test_what_the_client_writes_reaches_the_inbox(chat):
    anna = _signed_up(chat)
    chat.does("sendMessage", text="When are you open?")
    kept = InboundMessage.objects.get()
    assert (kept.client, kept.text) == (anna, "When are you open?")


def test_the_bot_is_told_where_to_report(chat, emulator, settings):
    settings.PUBLIC_URL = "https://loyalty.example"
    bots.connect(TelegramAccount.objects.get())
    # From now on it calls, and keeps nothing for who asks.
    assert _post(f"{emulator}/bot{TOKEN}/deleteWebhook", {})["ok"]
