"""What a tree of conditions finds now: how many clients, ten of them, and why one is in or not."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.http import require_GET

from loyalty.admin.base import grouped, may_see_clients
from loyalty.models import Client
from loyalty.services import find
from segments.admin import owners
from segments.models import Group
from segments.services import preview

# Clients offered where a search finds more than one.
OFFERED = 10


def _root(request: HttpRequest, kind: str, pk: int) -> Group:
    """The owner's tree, for those who may see it; no tree holds for everybody, like an empty one."""
    owner = owners.owner(kind, pk)
    if not owner.visible(request):
        raise PermissionDenied
    root = owner.root()
    if root is None:
        root = Group()
        root.attached_members = []
    return root


@require_GET
def preview_view(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """The count, exact or estimated, and a sample. `?exact=1`: the exact count alone, however long it takes."""
    root, now = _root(request, kind, pk), timezone.now()
    if request.GET.get("exact"):
        return HttpResponse(grouped(preview.count(root, now)), content_type="text/plain; charset=utf-8")
    found = preview.preview(root, now)
    shown = {
        "count": grouped(found.count),
        "number": found.count,
        "exact": found.exact,
        "clients": found.sample if may_see_clients(request) else [],
        "hidden": not may_see_clients(request),
    }
    return render(request, "segments/preview_found.html", {"found": shown})


@require_GET
def why_view(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Why the client of `?who=` (a phone, an e-mail, an id, a name) is in or not, with what each condition saw."""
    root = _root(request, kind, pk)
    if not may_see_clients(request):
        raise PermissionDenied
    who = request.GET.get("who", "")
    ids = find.client_ids(who) or find.named(who)
    clients = list(Client.objects.filter(pk__in=ids, merged_into=None).order_by("-pk")[: OFFERED + 1])
    answer: dict[str, Any] = {"clients": clients[:OFFERED], "more": len(clients) > OFFERED}
    if not clients:
        answer["words"] = t("No client has this phone, e-mail, id or name.")
    elif len(clients) == 1:
        answer["client"] = clients[0]
        answer["why"] = preview.why(root, clients[0].pk, timezone.now())
    return render(request, "segments/why.html", {"answer": answer})
