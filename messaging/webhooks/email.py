"""`/webhooks/email/<service>/tracking/` and `…/inbound/`: django-anymail reads and checks them (contract §2).

Its signals are heard here and nowhere else. Services that sign what they send are checked by their signature, with the
keys of their accounts in the admin (else of the environment); all of them by the name and password in the address
(EMAIL_WEBHOOK_SECRET): without one, nothing is taken.
"""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, inbound, tracking
from anymail.urls import urlpatterns as theirs
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from loyalty.intake import read
from loyalty.intake.facts import Refused
from messaging.models import Channel, EspAccount, Report
from messaging.services import replies, reports
from messaging.services.replies import Inbound
from messaging.webhooks import esp
from messaging.webhooks.ses import SesTracking

log = logging.getLogger(__name__)

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
_OUR_ID = re.compile(r"loyalty-(\d{1,18})@")


def _guarded(view: Any, service: str) -> Callable[..., HttpResponse]:
    kind = SesTracking if view.view_class is AmazonSESTrackingWebhookView else view.view_class

    def heard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """By the keys of whichever account they are signed with."""
        refusals: list[Exception] = []
        for keys in _keys(kind, service):
            try:
                return kind.as_view(**keys)(request, *args, **kwargs)
            except AnymailWebhookValidationFailure as error:
                refusals.insert(0, error)
            except ImproperlyConfigured as error:
                refusals.append(error)
        raise refusals[0]

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.ANYMAIL.get("WEBHOOK_SECRET"):
            return HttpResponse("EMAIL_WEBHOOK_SECRET is not set", status=403, content_type="text/plain")
        try:
            return heard(request, *args, **kwargs)
        except ImproperlyConfigured:
            return HttpResponse("this service is not set up", status=404, content_type="text/plain")
        except (LookupError, TypeError, AttributeError, ValueError, AnymailAPIError) as error:
            log.warning("a report was not understood", extra={"service": service, "reason": type(error).__name__})
            return HttpResponse("not understood", status=422, content_type="text/plain")

    return guarded


def _keys(kind: Any, service: str) -> list[dict[str, str]]:
    """What each account of the service says of its signatures; of the environment last."""
    found = []
    for account in EspAccount.objects.filter(service=service):
        with suppress(ValueError):  # its options cannot be read, which its page says
            found.append({name: value for name, value in account.settings().items() if _is_key(kind, name)})
    return [*(keys for keys in found if keys), {}]


def _is_key(kind: Any, name: str) -> bool:
    # The secret in the address is the environment's alone.
    return name != "basic_auth" and hasattr(kind, name) and not callable(getattr(kind, name))


urlpatterns = [
    URLPattern(one.pattern, _guarded(one.callback, str(one.pattern).partition("/")[0]), one.default_args, one.name)
    for one in theirs
]


@receiver(tracking, dispatch_uid="messaging.webhooks.email")
def _tracked(sender: object, event: AnymailTrackingEvent, esp_name: str, **_: object) -> None:
    kind = _KINDS.get(event.event_type)
    if kind is None:
        return
    now = timezone.now()
    told = str((event.metadata or {}).get("message", ""))
    own = int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else None
    reports.keep(
        [
            reports.report(
                kind,
                event.message_id or "",
                min(event.timestamp or now, now),
                now,
                message_id=own,
                permanent=esp.permanent(esp_name, event),
                detail=event.mta_response or event.description or event.reject_reason or "",
                url=event.click_url or "",
                agent=esp.agent(esp_name, event),
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
