"""Personal data of a client: handed out as a file, erased after a question (152-ФЗ, GDPR)."""

import json

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.http import require_GET, require_http_methods

from loyalty.models import Client
from loyalty.services import personal

PERMISSION = "loyalty.erase_client"


@require_GET
def export(request: HttpRequest, client_id: int) -> HttpResponse:
    """Everything that is kept of the person, as one JSON file."""
    client = _client(request, client_id)
    told = json.dumps(personal.export(client.pk), default=str, ensure_ascii=False, indent=1)
    _note(request, client, t("Exported the personal data"))
    return HttpResponse(
        told,
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="client-{client.pk}.json"'},
    )


@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest, client_id: int) -> HttpResponse:
    """GET: asks, and says what stays. POST: erases."""
    client = _client(request, client_id)
    back = reverse("admin:loyalty_client_change", args=[client.pk])
    if request.method == "POST" and request.POST.get("sure") == str(client.pk):
        personal.erase(client.pk, timezone.now())
        _note(request, client, t("Erased the personal data"))
        messages.success(request, t("The personal data is erased."))
        return HttpResponseRedirect(back)
    context = admin.site.each_context(request) | {
        "title": t("Erase the personal data"), "client": client, "back": back, "opts": Client._meta,
    }  # fmt: skip
    return TemplateResponse(request, "loyalty/erase_client.html", context)


def _client(request: HttpRequest, client_id: int) -> Client:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return get_object_or_404(Client, pk=client_id)


def _note(request: HttpRequest, client: Client, words: str) -> None:
    LogEntry.objects.log_actions(request.user.pk, [client], CHANGE, words, single_object=True)
    LogEntry.objects.filter(object_id=str(client.pk), change_message=words).update(object_repr=f"#{client.pk}")
