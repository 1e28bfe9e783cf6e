"""Asking before failed messages are sent again."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from messaging.models import Message, Status
from messaging.services.retry import retry

PERMISSION = "messaging.retry_message"
# A page of the log; more at once is a campaign, not a repair.
MOST = 200


@require_http_methods(["GET", "POST"])
def retry_view(request: HttpRequest, **context: Any) -> HttpResponse:
    """GET: what would be sent again (`ids`, by commas). POST: sends; `may_double` for those whose fate is unknown."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    given = (request.POST if request.method == "POST" else request.GET).get("ids", "").split(",")
    if len(given) > MOST or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in given):
        return HttpResponseBadRequest("ids: up to 200 numbers, by commas", content_type="text/plain")
    ids = [int(part) for part in given]
    log = reverse("admin:messaging_message_changelist")
    if request.method == "POST":
        done = retry(ids, request.user.get_username(), timezone.now(), may_double="may_double" in request.POST)
        words = ngettext("%(n)d message will be tried again", "%(n)d messages will be tried again", done)
        messages.success(request, words % {"n": done})
        if left := len(set(ids)) - done:
            messages.warning(request, t("Left as they are: %(n)d") % {"n": left})
        return HttpResponseRedirect(log)
    found = Message.objects.filter(pk__in=ids)
    by_status = dict(found.values_list("status").annotate(Count("pk")))
    failed, unknown = by_status.get(Status.FAILED, 0), by_status.get(Status.UNKNOWN, 0)
    shown = {
        "title": t("Send again?"),
        "ids": ",".join(given),
        "failed": failed,
        "unknown": unknown,
        "others": len(set(ids)) - failed - unknown,
        "oldest": found.order_by("pk").first(),
        "back": log,
        "opts": Message._meta,
    }
    return render(request, "scenarios/retry.html", context | shown)
