"""What pages for clients share (contract §4): a page that says one thing, the visitor's language and address."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation.trans_real import get_supported_language_variant


def plain(request: HttpRequest, status: int, title: str, words: str) -> HttpResponse:
    """The house's plain page with a status."""
    return render(request, "loyalty/pages/plain.html", {"title": title, "words": words}, status=status)


def language(said: str) -> str:
    """The client's language where it is one of ours, else the visitor's."""
    try:
        return get_supported_language_variant(said) if said else translation.get_language() or ""
    except LookupError:
        return translation.get_language() or ""


def address(request: HttpRequest) -> str | None:
    """Where the request comes from; behind a proxy, what that one saw."""
    told = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER and (forwarded := request.headers.get("X-Forwarded-For")):
        told = forwarded.rpartition(",")[2].strip()
    try:
        return str(ip_address(told))
    except ValueError:
        return None
