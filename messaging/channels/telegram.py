"""Telegram, by the Bot API. An address is the id of a chat with the bot."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from messaging.channels import http
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.models import Message

API = "https://api.telegram.org"
# What is said of a chat that is no more, in answers of status 400.
GONE = ("chat not found", "user is deactivated", "peer_id_invalid", "bot was kicked")
MOST = 4096  # characters of a text


class Telegram(Channel):
    """One bot."""

    def __init__(self, token: str, base: str, timeout: float) -> None:
        self._url = f"{(base or API).rstrip('/')}/bot{token}"
        self._timeout = timeout

    async def send(self, message: Message) -> Answer:
        if len(message.body) > MOST:
            return refused(f"longer than {MOST} characters")
        told: dict[str, Any] = {"chat_id": message.address, "text": message.body}
        if keys := [[_key(button)] for button in message.extras.get("buttons", ())]:
            told["reply_markup"] = {"inline_keyboard": keys}
        try:
            said = await http.call("POST", f"{self._url}/sendMessage", timeout=self._timeout, json=told)
        except http.NotSent as error:
            return later(str(error))
        except http.Unanswered as error:
            return unknown(f"no answer: {error}")
        answer = said.json()
        if not isinstance(answer, dict):
            return http.trouble(said) or unknown(f"HTTP {said.status}")
        if answer.get("ok"):
            return accepted(f"{message.address}:{answer.get('result', {}).get('message_id', '')}")
        return _refusal(said, answer)


def _key(button: Mapping[str, str]) -> dict[str, str]:
    """A button: a link, or a word that comes back as an answer."""
    if url := button.get("url"):
        return {"text": button["text"], "url": url}
    return {"text": button["text"], "callback_data": button["data"][:64]}


def _refusal(said: http.Said, answer: Mapping[str, Any]) -> Answer:
    words = f"{said.status} {answer.get('description', '')}"
    if said.status == 429:
        seconds = (answer.get("parameters") or {}).get("retry_after")
        wait = timedelta(seconds=seconds) if isinstance(seconds, int) else said.retry_after
        return later(words, wait, account_waits=True)
    if said.status == 403:
        # The client blocked the bot.
        return refused(words, suppress=True)
    if said.status == 400:
        return refused(words, suppress=any(gone in words.lower() for gone in GONE))
    return http.trouble(said) or refused(words)
