"""`/ref/<code>/`: where a client's referral link leads (semantics §41, contract §4)."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from loyalty.services import referrals
from loyalty.services.referral_codes import code_of

COOKIE = "ref"
REMEMBERED = 90 * 24 * 3600  # seconds
_SALT = "loyalty.referral"


@require_safe
@never_cache
def landing(request: HttpRequest, code: str) -> HttpResponse:
    """Remembers who invited the visitor and sends them on to the programme's own address, and nowhere else."""
    rules = referrals.current()
    client = referrals.referrer(code, rules)
    if client is None:
        return _page(request, 404, t("This link leads nowhere"), t("Ask your friend for the link once more."))
    if not rules.active:
        return _page(request, 410, t("The invitation is over"), t("Our shop is open to you all the same."))
    known = code_of(client.pk, rules.key)
    if request.method == "GET" and remembered(request) != known:
        visitor = f"{request.META.get('REMOTE_ADDR', '')}|{request.META.get('HTTP_USER_AGENT', '')}"
        referrals.clicked(client, known, visitor, timezone.now())
    answer: HttpResponse
    if rules.url:
        answer = HttpResponseRedirect(_with_code(rules.url, known))
    else:
        words = t("Name this code when you register: %(code)s") % {"code": known}
        answer = _page(request, 200, t("A friend invites you"), words)
    answer.set_signed_cookie(
        COOKIE,
        known,
        salt=_SALT,
        max_age=REMEMBERED,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return answer


def remembered(request: HttpRequest) -> str:
    """The code of whoever invited this visitor; empty where nobody did, or the cookie was tampered with."""
    return request.get_signed_cookie(COOKIE, default="", salt=_SALT, max_age=REMEMBERED) or ""


def _with_code(url: str, code: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "ref"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("ref", code)])))


def _page(request: HttpRequest, status: int, title: str, words: str) -> HttpResponse:
    return render(request, "loyalty/pages/plain.html", {"title": title, "words": words}, status=status)
