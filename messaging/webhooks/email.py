"""`/webhooks/email/<service>/tracking/` and `…/inbound/`: django-anymail reads and checks them (contract §2).

Its signals are heard here and nowhere else. Services that sign what they send are checked by their signature, all of
them by the name and password in the address (EMAIL_WEBHOOK_SECRET): without one, nothing is taken.
"""

import re
from collections.abc import Callable
from functools import wraps
from json import JSONDecodeError
from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, RejectReason, inbound, tracking
from anymail.urls import urlpatterns as theirs
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from loyalty.intake import read
from loyalty.intake.facts import Refused
from messaging.models import Channel, Report
from messaging.services import replies, reports
from messaging.services.replies import Inbound

_KINDS = {
    EventType.SENT: Report.Kind.SENT,
    EventType.DELIVERED: Report.Kind.DELIVERED,
    EventType.REJECTED: Report.Kind.FAILED,
    EventType.FAILED: Report.Kind.FAILED,
    EventType.BOUNCED: Report.Kind.FAILED,
    EventType.COMPLAINED: Report.Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: Report.Kind.UNSUBSCRIBED,
    EventType.OPENED: Report.Kind.OPENED,
    EventType.CLICKED: Report.Kind.CLICKED,
}
# A bounce is of the address unless the service says that it is of the moment.
_PERMANENT = {RejectReason.INVALID, RejectReason.BOUNCED, RejectReason.SPAM}
_OUR_ID = re.compile(r"loyalty-(\d{1,18})@")


def _guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.ANYMAIL.get("WEBHOOK_SECRET"):
            return HttpResponse("EMAIL_WEBHOOK_SECRET is not set", status=403, content_type="text/plain")
        try:
            return view(request, *args, **kwargs)
        except ImproperlyConfigured:
            return HttpResponse("this service is not set up", status=404, content_type="text/plain")
        except (JSONDecodeError, UnicodeDecodeError):
            return HttpResponse("not understood", status=422, content_type="text/plain")

    return guarded


urlpatterns = [URLPattern(one.pattern, _guarded(one.callback), one.default_args, one.name) for one in theirs]


@receiver(tracking, dispatch_uid="messaging.webhooks.email")
def _tracked(sender: object, event: AnymailTrackingEvent, **_: object) -> None:
    kind = _KINDS.get(event.event_type)
    if kind is None:
        return
    now = timezone.now()
    told = str((event.metadata or {}).get("message", ""))
    own = int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else None
    reason = event.reject_reason
    reports.keep(
        [
            reports.report(
                kind,
                event.message_id or "",
                min(event.timestamp or now, now),
                now,
                message_id=own,
                permanent=reason in _PERMANENT if event.event_type != EventType.FAILED else False,
                detail=event.mta_response or event.description or reason or "",
                url=event.click_url or "",
                agent=event.user_agent or "",
            )
        ]
    )


@receiver(inbound, dispatch_uid="messaging.webhooks.email")
def _received(sender: object, event: AnymailInboundEvent, **_: object) -> None:
    email = event.message
    if email is None or email.get("Auto-Submitted", "no").lower() != "no":
        return  # a machine's answer: "I am on holiday"
    try:
        address = read.email(email.from_email.addr_spec if email.from_email else "", "from")
    except Refused:
        return
    answers = _OUR_ID.search(f"{email.get('In-Reply-To', '')} {email.get('References', '')}")
    key = event.event_id or email.get("Message-ID", "")
    if address and key:
        replies.take(
            Inbound(Channel.EMAIL, address, email.text or "", str(key), int(answers[1]) if answers else None),
            timezone.now(),
        )
