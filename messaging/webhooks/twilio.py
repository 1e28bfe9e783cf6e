"""`/webhooks/twilio/status/` and `/webhooks/twilio/inbound/` (contract §2), signed with the account's token."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.request_validator import RequestValidator

from messaging.models import Channel, Report, TwilioAccount, WhatsAppAccount
from messaging.services import replies, reports
from messaging.services.replies import Inbound

# What a status of Twilio's means; others say nothing new.
_KINDS = {
    "sent": Report.Kind.SENT,
    "delivered": Report.Kind.DELIVERED,
    "read": Report.Kind.OPENED,
    "undelivered": Report.Kind.FAILED,
    "failed": Report.Kind.FAILED,
}
# Codes that say the number will never do: no such number, a landline, has said STOP.
_PERMANENT = {"21211", "21214", "21217", "21610", "21612", "21614", "30005", "30006"}
_WHATSAPP = "whatsapp:"

View = Callable[[HttpRequest], HttpResponse]


def _signed(view: View) -> View:
    """401 for what Twilio has not signed; nothing of it is looked at."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        # The address as Twilio knows it, whatever a proxy made of it.
        url = f"{settings.PUBLIC_URL}{request.get_full_path()}"
        signature = request.headers.get("X-Twilio-Signature", "")
        sid = request.POST.get("AccountSid", "")
        known = "" if "\x00" in sid else sid
        kinds = (TwilioAccount, WhatsAppAccount)
        tokens = [account.token for kind in kinds for account in kind.objects.filter(sid=known)]
        if sid == settings.TWILIO_ACCOUNT_SID:
            tokens.append(settings.TWILIO_AUTH_TOKEN)
        if not any(token and RequestValidator(token).validate(url, request.POST, signature) for token in tokens):
            return HttpResponse("wrong signature", status=401, content_type="text/plain")
        return view(request)

    return checked


@_signed
def status(request: HttpRequest) -> HttpResponse:
    """What became of a message."""
    said, sid = request.POST.get("MessageStatus", ""), request.POST.get("MessageSid", "")
    kind = _KINDS.get(said)
    if kind and sid:
        now = timezone.now()
        code = request.POST.get("ErrorCode", "")
        detail = f"{code} {request.POST.get('ErrorMessage', '')}".strip() or said
        reports.keep([reports.report(kind, sid, now, now, detail=detail, permanent=code in _PERMANENT)])
    return HttpResponse(status=204)


@_signed
def inbound(request: HttpRequest) -> HttpResponse:
    """What somebody wrote to one of our numbers. The answer says that nothing is sent back."""
    told, sid = request.POST.get("From", ""), request.POST.get("MessageSid", "")
    channel = Channel.WHATSAPP if told.startswith(_WHATSAPP) else Channel.SMS
    if told and sid:
        text = request.POST.get("Body", "")
        replies.take(Inbound(channel, told.removeprefix(_WHATSAPP), text, sid), timezone.now())
    return HttpResponse('<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml")
