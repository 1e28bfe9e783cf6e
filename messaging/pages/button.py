"""`/b/<token>`: a button of a message in a channel that has none (contract §4, semantics §28).

Works without JavaScript. GET only shows, so that whatever looks links through presses nothing; POST presses. A button
that is a link leads on.
"""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty.pages.plain import language, plain
from messaging import tokens
from messaging.buttons import Kind
from messaging.services import presses


# The signed link is the right to answer; a mail program's browser may keep no cookies.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def button(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a reply, and what its button does."""
    now = timezone.now()
    try:
        message_id, number = presses.read(token)
        message, row = presses.button(message_id, number)
    except (tokens.Forged, ValueError):
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except presses.NoButton:
        return plain(request, 410, t("This button is no longer there"), t("Please look on the shop's site."))
    if row["kind"] == Kind.LINK:
        answer = HttpResponseRedirect(presses.destination(message_id, number, now))
        answer["X-Robots-Tag"] = "noindex, nofollow"
        return answer
    with translation.override(language(message.client.language if message.client else "")):
        if request.method != "POST":
            return render(request, "messaging/pages/button.html", {"text": row["text"]})
        pressed = presses.press(message_id, number, now, now)
        return plain(request, 200, t("Thank you!"), pressed.thanks or t("Your answer has reached us."))
