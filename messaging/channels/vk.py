"""VK, by messages.send. An address is the id of a user who allowed the community to write.

VK drops what repeats a `random_id`, and ours is the message's own: whatever became of a call, it can be made again
while VK remembers.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from messaging.channels import http
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.models import Message

API = "https://api.vk.com"
VERSION = "5.199"
# How many tries fall into the hour for which VK remembers a random_id.
REMEMBERED = 3

TOO_OFTEN = {6, 9, 29}
# Who the community may not write to: forbidden, in the black list, never allowed, by their settings.
NOT_ALLOWED = {7, 900, 901, 902, 936}
# Our key or VK itself: staff, or time, mend it.
NOT_NOW = {1, 5, 10, 15, 27, 28}


class Vk(Channel):
    """One community."""

    def __init__(self, token: str, base: str, timeout: float) -> None:
        self._url = f"{(base or API).rstrip('/')}/method/messages.send"
        self._token, self._timeout = token, timeout

    async def send(self, message: Message) -> Answer:
        told = {
            "access_token": self._token,
            "v": VERSION,
            "user_id": message.address,
            "random_id": str(message.pk % 2**31),
            "message": message.body,
        }
        if buttons := message.extras.get("buttons"):
            told["keyboard"] = orjson.dumps(
                {"inline": True, "buttons": [[{"action": _action(button)}] for button in buttons]}
            ).decode()
        try:
            said = await http.call("POST", self._url, timeout=self._timeout, data=told)
        except http.NotSent as error:
            return later(str(error))
        except http.Unanswered as error:
            return _again(message, f"no answer: {error}")
        answer = said.json()
        if not isinstance(answer, dict):
            return http.trouble(said) or _again(message, f"HTTP {said.status}")
        if wrong := answer.get("error"):
            return _refusal(wrong)
        return accepted(str(answer.get("response", "")))

    async def find(self, message: Message) -> Answer:
        return _again(message, "the sender stopped; VK drops the message if it has it")


def _again(message: Message, words: str) -> Answer:
    return later(words) if message.tries <= REMEMBERED else unknown(words)


def _action(button: Mapping[str, str]) -> dict[str, str]:
    if url := button.get("url"):
        return {"type": "open_link", "label": button["text"][:40], "link": url}
    payload = orjson.dumps({"button": button["data"]}).decode()
    return {"type": "text", "label": button["text"][:40], "payload": payload}


def _refusal(error: Mapping[str, Any]) -> Answer:
    code = error.get("error_code")
    words = f"{code} {error.get('error_msg', '')}"
    if code in TOO_OFTEN:
        return later(words, timedelta(seconds=1), account_waits=code == 6)
    if code in NOT_NOW:
        return later(words)
    return refused(words, suppress=code in NOT_ALLOWED)
