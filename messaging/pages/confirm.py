"""`/c/<token>`: a client confirms that they agree to messages (contract §4, semantics §27). Works without JavaScript.

GET only shows a button: programs that look links through in a mailbox confirm nothing. POST confirms.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty.pages.plain import address, language, plain
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.services import opt_in, rulebook


# The signed link is the right to confirm; a mail program's browser may keep no cookies.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The page, and what its button does."""
    now = timezone.now()
    try:
        asked = opt_in.asked(token, now)
        with translation.override(language(asked.client.language)):
            if request.method == "POST":
                evidence = Evidence("confirmed", ip=address(request), agent=request.headers.get("User-Agent", ""))
                asked = opt_in.confirm(token, evidence, now)
            if asked.done:
                words = t("You have confirmed it. You can unsubscribe in every message.")
                return plain(request, 200, t("Thank you!"), words)
            topics = opt_in.names(asked.requests, rulebook.load(now))
            return render(request, "messaging/pages/confirm.html", {"topics": topics})
    except tokens.Forged:
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except opt_in.Gone:
        return plain(request, 410, t("This link is out of date"), t("Sign up once more, and you will get a new one."))
