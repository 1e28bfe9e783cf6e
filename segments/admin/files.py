"""The clients of a segment as files: export, and import into a static one with a look before it acts."""

import csv
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminFileFieldWidget

from loyalty.admin.base import may_see_clients
from loyalty.intake.table_file import FileError
from segments.admin.segment_owner import SegmentOwner
from segments.models import MemberImport, Segment
from segments.services import member_export, member_file, member_import

SHOWN = 100  # refused rows on the page; the file has more
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ImportForm(forms.Form):
    """A file of clients."""

    file = forms.FileField(
        label=_("File"), max_length=200, widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.gz,.xlsx"})
    )


@require_GET
def export_view(request: HttpRequest, object_id: int, kind: str) -> HttpResponseBase:
    """The clients as CSV or XLSX, for those who may see clients; the history says who took them."""
    segment = get_object_or_404(Segment, pk=object_id)
    owner = SegmentOwner(segment)
    if not (owner.visible(request) and may_see_clients(request)):
        raise PermissionDenied
    if kind not in ("csv", "xlsx"):
        raise Http404("kind: csv or xlsx")
    owner.note(request, t("Exported the clients as %(kind)s") % {"kind": kind.upper()})
    if kind == "xlsx":
        name = f"{segment.slug}.xlsx"
        return FileResponse(member_export.as_xlsx(segment), as_attachment=True, filename=name, content_type=XLSX)
    return StreamingHttpResponse(
        member_export.as_csv(segment),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{segment.slug}.csv"'},
    )


def _filled(request: HttpRequest, object_id: int) -> Segment:
    """A static segment that the user may fill from a file. Raises PermissionDenied."""
    segment = get_object_or_404(Segment, pk=object_id)
    if segment.is_dynamic or not request.user.has_perm("segments.change_segment") or not may_see_clients(request):
        raise PermissionDenied
    return segment


@require_http_methods(["GET", "POST"])
def import_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """GET: asks for a file. POST: reads it, and leads to what would come of it."""
    segment = _filled(request, object_id)
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _look(request, segment, form.cleaned_data["file"])
        except FileError as error:
            form.add_error("file", t("The file %(problem)s.") % {"problem": error})
        else:
            return HttpResponseRedirect(reverse("admin:segments_segment_imported", args=[segment.pk, made.pk]))
    shown = {
        "title": t("Clients from a file"),
        "form": form,
        "segment": segment,
        "opts": Segment._meta,
        "megabytes": member_file.MAX_BYTES // 1_000_000,
        "most": member_file.MAX_ROWS,
    }
    return render(request, "segments/import.html", context | shown)


def _look(request: HttpRequest, segment: Segment, upload: UploadedFile) -> MemberImport:
    with NamedTemporaryFile() as file:
        for part in upload.chunks():
            file.write(part)
        file.flush()
        return member_import.look(segment, Path(file.name), upload.name or "", request.user.pk, timezone.now())


@require_http_methods(["GET", "POST"])
def imported_view(request: HttpRequest, object_id: int, import_id: int, **context: Any) -> HttpResponse:
    """GET: what would come of a file. POST: lets the clients in (`triggers`: scenarios hear of it)."""
    segment = _filled(request, object_id)
    made = get_object_or_404(MemberImport, pk=import_id, segment=segment)
    page = reverse("admin:segments_segment_change", args=[segment.pk])
    if request.method == "POST":
        try:
            entered = member_import.apply(made.pk, timezone.now(), triggers="triggers" in request.POST)
        except member_import.NotApplied as error:
            messages.error(request, str(error))
        else:
            words = ngettext("%(n)d client added from «%(file)s»", "%(n)d clients added from «%(file)s»", entered)
            words %= {"n": entered, "file": made.name}
            SegmentOwner(segment).note(request, words)
            messages.success(request, words)
        return HttpResponseRedirect(page)
    already = member_import.already(made)
    shown = {
        "title": t("Clients from a file"),
        "segment": segment,
        "made": made,
        "already": already,
        "entering": made.found - already,
        "refusals": made.refusals[:SHOWN],
        "back": page,
        "opts": Segment._meta,
    }
    return render(request, "segments/imported.html", context | shown)


@require_GET
def refused_view(request: HttpRequest, object_id: int, import_id: int) -> HttpResponse:
    """The refused rows as CSV: row, column, reason."""
    segment = _filled(request, object_id)
    made = get_object_or_404(MemberImport, pk=import_id, segment=segment)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{segment.slug}-refused.csv"'
    answer.write("\ufeff")
    writer = csv.writer(answer)
    writer.writerow([t("row"), t("column"), t("reason")])
    writer.writerows([member_export.guarded(value) for value in refusal] for refusal in made.refusals)
    return answer
