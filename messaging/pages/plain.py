"""A page that says one thing (contract §4)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def plain(request: HttpRequest, status: int, title: str, words: str) -> HttpResponse:
    """The house's plain page with a status."""
    return render(request, "loyalty/pages/plain.html", {"title": title, "words": words}, status=status)
