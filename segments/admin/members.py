"""Who is in a segment: the list on its page; a static one takes and loses clients there."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import ngettext

from loyalty.admin.base import may_see_clients
from loyalty.models import Client
from loyalty.services import find
from segments.models import Membership, Segment
from segments.services import membership

PAGE = 20


def context(request: HttpRequest, segment: Segment, editable: bool) -> dict[str, Any]:
    """What the template `segments/members.html` needs."""
    text = request.GET.get("members", "")
    page = int(text) if text.isdecimal() and 0 < int(text) < 10_000 else 1
    start = (page - 1) * PAGE
    rows: QuerySet[Membership] = Membership.objects.filter(segment=segment).select_related("client").order_by("-pk")
    shown = list(rows[start : start + PAGE + 1])
    return {
        "rows": shown[:PAGE],
        "url": reverse("admin:segments_segment_members", args=[segment.pk]),
        "editable": editable and not segment.is_dynamic,
        "visible": may_see_clients(request),
        "fillable": editable and not segment.is_dynamic and may_see_clients(request),
        "may_draw": editable,
        "next_page": page + 1 if len(shown) > PAGE else None,
        "previous_page": page - 1 if page > 1 else None,
    }


def change(request: HttpRequest, segment: Segment) -> str:
    """Adds the client found by `who`, or removes the client `remove`; returns the words for the history."""
    removed = request.POST.get("remove", "")
    if removed.isdecimal() and len(removed) < 18:
        if membership.remove(segment.pk, {int(removed): 0}, timezone.now()):
            return t("Removed client %(client)s") % {"client": f"#{removed}"}
        return ""
    return _add(request, segment, request.POST.get("who", ""))


def _add(request: HttpRequest, segment: Segment, who: str) -> str:
    found = find.client_ids(who)
    ids = list(Client.objects.filter(pk__in=found, merged_into=None).values_list("pk", flat=True))
    if not ids:
        messages.error(request, t("No client has this phone, e-mail or id."))
    elif len(ids) > 1:
        words = ngettext(
            "%(n)d client has it: give something more exact.",
            "%(n)d clients have it: give something more exact.",
            len(ids),
        )
        messages.error(request, words % {"n": len(ids)})
    elif membership.add(segment.pk, {ids[0]: 0}, timezone.now()):
        return t("Added client %(client)s") % {"client": f"#{ids[0]}"}
    else:
        messages.info(request, t("The client is in the segment already."))
    return ""
