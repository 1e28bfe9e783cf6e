"""`/push/<token>/` where a client lets a browser show what we say, and `/push/worker.js`, which shows it."""

import json

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from loyalty.models import Client
from loyalty.pages.plain import language, plain
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.channels import web_push
from messaging.models import Channel, WebPushAccount
from messaging.services import addresses

MAX_BODY = 4000  # bytes of a subscription
TEXT_VERSION = "push-1"


# The signed link is the right to subscribe.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """GET: the page with its button. POST: the subscription that the browser gave, as JSON."""
    try:
        client = addresses.client_of(token)
    except tokens.Forged:
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except Client.DoesNotExist:
        return plain(request, 410, t("This link is no longer there"), t("Nothing is sent to you any more."))
    account = WebPushAccount.objects.filter(active=True).order_by("-is_default", "pk").first()
    if account is None:
        return plain(request, 410, t("This link is no longer there"), t("Our shop sends no notifications now."))
    if request.method == "POST":
        return _subscribe(request, client)
    with translation.override(language(client.language)):
        key = web_push.public_key(account.signing_key())
        return render(request, "messaging/pages/push.html", {"key": key})


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: served from the root, for a browser lets it act no higher than where it lies."""
    path = finders.find("messaging/push_worker.js")
    with open(str(path), "rb") as file:
        answer = HttpResponse(file.read(), content_type="text/javascript")
    answer["Service-Worker-Allowed"] = "/"
    return answer


def _subscribe(request: HttpRequest, client: Client) -> HttpResponse:
    if len(request.body) > MAX_BODY:
        return JsonResponse({"error": "too long"}, status=413)
    try:
        value = web_push.address(json.loads(request.body))
    except ValueError:
        return JsonResponse({"error": "not a subscription"}, status=422)
    if len(value) > 1000:
        return JsonResponse({"error": "too long"}, status=422)
    agent = request.headers.get("User-Agent", "")
    evidence = Evidence("push page", TEXT_VERSION, None, agent)
    addresses.sign_up(client, Channel.WEBPUSH, value, agent, evidence, timezone.now())
    return JsonResponse({"subscribed": True}, status=201)
