"""`/webhooks/vk/<account>/`: the Callback API of a community (contract §2), proved by its secret."""

from contextlib import suppress

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from loyalty.models import Client
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.models import Channel, VkAccount
from messaging.services import addresses, presses, replies
from messaging.services.replies import Inbound

MAX_BODY = 1_000_000  # bytes


@csrf_exempt
@require_POST
def callback(request: HttpRequest, account_id: int) -> HttpResponse:
    """One event; VK wants "ok" for whatever it says, and the confirmation string once."""
    account = VkAccount.objects.filter(pk=account_id).first()
    try:
        said = orjson.loads(request.body[:MAX_BODY])
    except ValueError:
        return HttpResponse("not JSON", status=422, content_type="text/plain")
    if account is None or not isinstance(said, dict) or said.get("group_id") != account.group_id:
        return HttpResponse("no such community", status=401, content_type="text/plain")
    if said.get("type") == "confirmation":
        return HttpResponse(account.confirmation, content_type="text/plain")
    known = account.callback_secret
    if not known or not constant_time_compare(str(said.get("secret", "")), known):
        return HttpResponse("wrong secret", status=401, content_type="text/plain")
    event = f"vk:{account.pk}:{said.get('event_id', '')}"
    match said:
        case {"type": "message_new", "object": {"message": {"from_id": int() as user, "text": str() as text, **more}}}:
            if token := str(more.get("ref", "")):
                _sign_up(user, token)
            if text:
                _heard(user, text, _button(more.get("payload")), event)
        case {"type": "message_allow", "object": {"user_id": int() as user, **more}}:
            _sign_up(user, str(more.get("key", "")))
        case {"type": "message_deny", "object": {"user_id": int() as user, **_more}}:
            addresses.blocked(Channel.VK, str(user), "the client forbade messages", timezone.now())
        case _:
            pass
    return HttpResponse("ok", content_type="text/plain")


def _heard(user: int, text: str, button: str, event: str) -> None:
    """An answer, or a button of ours: it comes as a message that says its words."""
    now = timezone.now()
    if button:
        with suppress(tokens.Forged, presses.NoButton):
            message_id, number = presses.read(button)
            if presses.button(message_id, number)[0].address == str(user):
                presses.press(message_id, number, now, now)
                return
    replies.take(Inbound(Channel.VK, str(user), text, event), now)


def _button(payload: object) -> str:
    """What a button of ours says, where it was one."""
    try:
        said = orjson.loads(str(payload)) if payload else {}
    except ValueError:
        return ""
    return str(said.get("button", "")) if isinstance(said, dict) else ""


def _sign_up(user: int, token: str) -> None:
    try:
        client = addresses.client_of(token)
    except (tokens.Forged, Client.DoesNotExist):
        return  # whoever came without a link of ours is nobody we know
    addresses.sign_up(client, Channel.VK, str(user), "VK", Evidence("VK: messages allowed"), timezone.now())
