"""`/u/<token>` unsubscribing and choosing topics (contract §4, semantics §27). Works without JavaScript.

GET only shows. POST acts: at once for the button of a mail program (RFC 8058), else as the page's form says.
"""

from datetime import datetime
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty.models import Consent
from loyalty.pages.plain import language, plain
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.services import subscriptions
from messaging.services.subscriptions import Choice, Visitor


# The signed link is the right to choose; a mail program that unsubscribes has no cookies.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """The page, and what its buttons do."""
    try:
        visitor = subscriptions.visitor(token)
    except tokens.Forged:
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except subscriptions.Gone:
        return plain(request, 410, t("This link is no longer there"), t("Nothing is sent to you any more."))
    now = timezone.now()
    with translation.override(language(visitor.client.language)):
        if request.method != "POST":
            return _page(request, visitor, now)
        if request.POST.get("List-Unsubscribe") == "One-Click":
            subscriptions.refuse(visitor, _evidence(request, "List-Unsubscribe"), now)
            return plain(request, 200, t("You are unsubscribed"), t("We will not write to you about this any more."))
        choices = subscriptions.choices(visitor, now)
        match request.POST.get("do"):
            case "this":
                wanted = {visitor.pair: False} if visitor.pair else {}
            case "all":
                wanted = {(choice.channel, choice.topic): False for choice in choices}
            case "save":
                kept = set(request.POST.getlist("keep"))
                wanted = {
                    (choice.channel, choice.topic): choice.key in kept
                    for choice in choices
                    if choice.granted != (choice.key in kept)
                }
            case _:
                return _page(request, visitor, now, status=400)
        evidence = _evidence(request, "preferences page", subscriptions.PAGE_TEXT)
        subscriptions.change(visitor, wanted, evidence, now)
        return _page(request, visitor, now, saved=True)


def _page(
    request: HttpRequest, visitor: Visitor, now: datetime, saved: bool = False, status: int = 200
) -> HttpResponse:
    choices = subscriptions.choices(visitor, now)
    by_channel: dict[str, list[Choice]] = {}
    for choice in choices:
        label = str(dict(Consent.Channel.choices).get(choice.channel, choice.channel))
        by_channel.setdefault(label, []).append(choice)
    this = next((c for c in choices if (c.channel, c.topic) == visitor.pair and c.granted), None)
    context = {
        "by_channel": by_channel,
        "this": this,
        "any_granted": any(choice.granted for choice in choices),
        "saved": saved,
    }
    return render(request, "messaging/pages/preferences.html", context, status=status)


def _evidence(request: HttpRequest, where: str, text_version: str = "") -> Evidence:
    agent = request.headers.get("User-Agent", "")
    return Evidence(where, text_version, _address(request), agent)


def _address(request: HttpRequest) -> str | None:
    """Where the request comes from; behind a proxy, what that one saw."""
    told = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER and (forwarded := request.headers.get("X-Forwarded-For")):
        told = forwarded.rpartition(",")[2].strip()
    try:
        return str(ip_address(told))
    except ValueError:
        return None
