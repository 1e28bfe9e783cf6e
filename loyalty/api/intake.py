"""Where shops and sites send what happens: the tracking API and the webhooks (contract §2).

Plain views without sessions or serialisers: this is the hottest path of the installation. Every answer
of success is given after the commit.
"""

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from loyalty.intake import body, segment_http, woocommerce
from loyalty.intake.delivery import Delivery
from loyalty.intake.webhooks import ADAPTERS
from loyalty.models import Source
from loyalty.services import deliveries, sources

RETRY_AFTER = "5"  # seconds

View = Callable[..., JsonResponse]


def _answer(status: int, reason: str, field: str = "") -> JsonResponse:
    """A refusal. `code` and `message` are what Segment-style clients print in their logs."""
    answer = {"success": False, "field": field, "reason": reason, "code": str(status), "message": reason}
    return JsonResponse(answer, status=status)


def _too_large() -> JsonResponse:
    limit = {"limit": settings.INTAKE_MAX_BODY}
    return _answer(413, _("is larger than %(limit)s bytes") % limit, "body")


def intake(view: View) -> View:
    """A view that outsiders post to: whatever they send, they get an answer that they can act on."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        try:
            return view(request, *args, **kwargs)
        except (body.TooLarge, RequestDataTooBig):
            return _too_large()
        except LengthRequired:
            return _answer(411, _("needs a Content-Length, chunks are not taken"), "body")
        except body.NotJson as error:
            return _answer(400, error.reason, error.field)
        except UnreadablePostError:
            return _answer(400, _("is cut off"), "body")
        except (OperationalError, InterfaceError, IntegrityError):
            # Nothing was committed, and the same delivery may succeed in a moment.
            answer = _answer(503, _("the database is not available, try again"))
            answer["Retry-After"] = RETRY_AFTER
            return answer

    return guarded


class LengthRequired(Exception):
    """The body comes in chunks, without its length."""


def _raw(request: HttpRequest) -> bytes:
    """The body as sent, refused before it is read where it is said to be too large."""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        # Django reads no body without a length: better said than taken for empty.
        raise LengthRequired
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > settings.INTAKE_MAX_BODY:
        raise body.TooLarge
    return request.body


def _inflate(request: HttpRequest, raw: bytes) -> bytes:
    return body.inflate(raw, settings.INTAKE_MAX_BODY, request.META.get("HTTP_CONTENT_ENCODING", ""))


def _basic_key(request: HttpRequest) -> str:
    """The user name of HTTP Basic, empty where there is none."""
    scheme, _space, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _unauthorised() -> JsonResponse:
    answer = _answer(401, _("is not the write key of any source"), "writeKey")
    answer["WWW-Authenticate"] = 'Basic realm="write key"'
    return answer


@intake
def call(request: HttpRequest, call: str) -> JsonResponse:
    """`/v1/batch`, `/v1/track`…: Segment's HTTP tracking API."""
    now = timezone.now()
    key = _basic_key(request)
    source = sources.by_key(key)
    if key and source is None:
        return _unauthorised()
    data = body.parse(_inflate(request, _raw(request)))
    if source is None:
        source = sources.by_key(segment_http.write_key(data))
    if source is None:
        return _unauthorised()
    if not source.active:
        return _answer(403, _("this source is switched off"), "writeKey")
    try:
        taken = segment_http.read_call(call, data, sources.origin(source), now)
    except segment_http.TooMany:
        limit = {"limit": segment_http.MAX_ITEMS}
        return _answer(413, _("holds more than %(limit)s items") % limit, "batch")
    accepted = deliveries.take_items(source, taken, now)
    rejected = [{"index": item.index, "messageId": item.message_id, "reason": item.reason} for item in taken.rejected]
    return JsonResponse({"success": True, "accepted": accepted, "rejected": rejected})


@intake
def webhook(request: HttpRequest, kind: str, slug: str) -> JsonResponse:
    """`/webhooks/<kind>/<slug>/`: what a shop calls."""
    now = timezone.now()
    source = sources.by_slug(kind, slug)
    if source is None:
        return _answer(404, _("there is no such source"), "slug")
    raw = _raw(request)
    if kind == Source.Kind.WOOCOMMERCE and woocommerce.is_ping(raw):
        return JsonResponse({"success": True})
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not ADAPTERS[kind].signed(raw, headers, source.secret, now):
        return _answer(401, _("is missing or wrong"), "signature")
    if not source.active:
        return _answer(403, _("this source is switched off"), "slug")
    try:
        inflated = _inflate(request, raw)
    except body.NotJson:
        inflated = raw  # genuine, but no gzip: kept and refused like any body that is not understood
    delivery = Delivery(inflated, headers, sources.origin(source), now)
    outcome = deliveries.take_webhook(source, delivery)
    if outcome.refused:
        return _answer(422, outcome.refused.reason, outcome.refused.field or "body")
    if outcome.unknown:
        return JsonResponse({"success": True, "kept": True, "topic": outcome.unknown}, status=202)
    events = [{"id": event.event_id, "new": event.new} for event in outcome.recorded]
    return JsonResponse({"success": True, "events": events})
