"""Telling a bot's provider where to report what clients say to it."""

from django.conf import settings

from messaging.channels import http, wire
from messaging.models import TelegramAccount

API = "https://api.telegram.org"
HEARD = ["message", "callback_query", "my_chat_member"]


class NotConnected(Exception):
    """The provider did not take our address; the text says why."""


def connect(account: TelegramAccount) -> None:
    """Has Telegram report to our webhook, with the secret that proves it. Raises NotConnected."""
    root = (settings.TELEGRAM_API_BASE or API).rstrip("/")
    told = {
        "url": f"{settings.PUBLIC_URL}/webhooks/telegram/{account.pk}/",
        "secret_token": account.webhook_secret,
        "allowed_updates": HEARD,
    }
    url = f"{root}/bot{account.token}/setWebhook"
    try:
        said = wire().run(http.call("POST", url, timeout=account.timeout, json=told))
    except (http.NotSent, http.Unanswered) as error:
        raise NotConnected(str(error)) from error
    answer = said.json()
    if not isinstance(answer, dict) or not answer.get("ok"):
        words = answer.get("description", "") if isinstance(answer, dict) else ""
        raise NotConnected(f"HTTP {said.status} {words}")
