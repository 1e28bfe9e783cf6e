"""`/webhooks/telegram/<account>/`: what a bot hears (contract §2). Proved by the secret that Telegram was told."""

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from loyalty.models import Client
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.models import Channel, TelegramAccount
from messaging.services import addresses, presses, replies, staff
from messaging.services.replies import Inbound

MAX_BODY = 1_000_000  # bytes


@csrf_exempt
@require_POST
def update(request: HttpRequest, account_id: int) -> HttpResponse:
    """One update. What says nothing to us is answered all the same: Telegram would repeat it."""
    account = TelegramAccount.objects.filter(pk=account_id).first()
    told = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
    if account is None or not constant_time_compare(told, account.webhook_secret):
        return HttpResponse("wrong secret", status=401, content_type="text/plain")
    try:
        said = orjson.loads(request.body[:MAX_BODY])
        number = int(said["update_id"])
    except (ValueError, KeyError, TypeError):
        return HttpResponse("not an update", status=422, content_type="text/plain")
    event = f"telegram:{account.pk}:{number}"
    match said:
        case {"message": {"chat": {"id": int() as chat, "type": "private"}, "text": str() as text, **_more}}:
            _heard(chat, text, event)
        case {"callback_query": {"id": str() as query, "from": {"id": int() as chat}, "data": str() as data, **_more}}:
            # The answer to this call stops the clock on the client's button.
            answer = {"method": "answerCallbackQuery", "callback_query_id": query, "text": _pressed(chat, data)[:200]}
            return JsonResponse(answer)
        case {"my_chat_member": {"chat": {"id": int() as chat}, "new_chat_member": {"status": "kicked"}, **_more}}:
            addresses.blocked(Channel.TELEGRAM, str(chat), "the client blocked the bot", timezone.now())
        case _:
            pass
    return HttpResponse(status=204)


def _pressed(chat: int, data: str) -> str:
    """What a button does; what to say to who pressed it. A button is its owner's: nobody else can press it."""
    now = timezone.now()
    try:
        message_id, number = presses.read(data)
        message, _row = presses.button(message_id, number)
        return presses.press(message_id, number, now, now).thanks if message.address == str(chat) else ""
    except (tokens.Forged, presses.NoButton):
        return ""


def _staff_came(chat: int, token: str) -> None:
    try:
        staff.connect_telegram(token, chat)
    except tokens.Forged:
        pass  # a stranger, who found the bot by themselves


def _heard(chat: int, text: str, event: str) -> None:
    command, _, token = text.partition(" ")
    if command != "/start":
        replies.take(Inbound(Channel.TELEGRAM, str(chat), text, event), timezone.now())
        return
    try:
        client = addresses.client_of(token.strip())
    except tokens.Forged:
        _staff_came(chat, token.strip())
        return
    except Client.DoesNotExist:
        return  # whoever came without a link of ours is nobody we know
    evidence = Evidence("Telegram: /start")
    addresses.sign_up(client, Channel.TELEGRAM, str(chat), "Telegram", evidence, timezone.now())
