"""Addresses that must not be written to; deleting a row lifts it (semantics §21). Lists come and go as files."""

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from loyalty.admin.base import DayFilter, may_see_clients
from loyalty.intake.facts import Refused
from loyalty.intake.table_file import FileError
from loyalty.services import programme
from messaging.models import Channel, Suppression
from messaging.services import suppression_files
from messaging.services.suppression_files import SHEET, Taken

PERMISSION = "messaging.fill_suppression"
SHOWN = 500  # refused rows on the page
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class SuppressionForm(forms.ModelForm):
    """An address that staff stop by hand, written as messages write it."""

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("channel") and said.get("address"):
            try:
                said["address"] = suppression_files.address(
                    said["channel"], said["address"], programme.current().phone_region
                )
            except Refused as why:
                self.add_error("address", why.reason)
        return said


class FileForm(forms.Form):
    """A list of addresses."""

    file = forms.FileField(
        label=_("File"), max_length=200, widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.gz,.xlsx"})
    )
    channel = forms.ChoiceField(
        label=_("Channel"),
        required=False,
        choices=[("", _("as the file says")), *Channel.choices],
        widget=UnfoldAdminSelectWidget,
        help_text=_("For rows that name none."),
    )


@admin.register(Suppression)
class SuppressionAdmin(ModelAdmin):
    """Suppressed addresses."""

    form = SuppressionForm
    list_display = ("address", "channel", "kind", "why", "since")
    list_filter = ("channel", "kind", ("since", DayFilter))
    list_filter_submit = True
    search_fields = ("address",)
    search_help_text = _("Address")
    ordering = ("-since", "-pk")
    paginator = InfinitePaginator
    show_full_result_count = False
    fields = ("channel", "address", "why")
    list_before_template = "messaging/suppressions_before.html"

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("import/", wrap(self.import_view), name="messaging_suppression_import"),
            path("export/<str:kind>/", wrap(self.export_view), name="messaging_suppression_export"),
            path("template/<str:kind>/", wrap(self.template_view), name="messaging_suppression_template"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"may_fill": _may_fill(request), "query": request.GET.urlencode()}
        return super().changelist_view(request, (extra_context or {}) | shown)

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        obj.kind, obj.since = Suppression.Kind.STAFF, timezone.now()
        super().save_model(request, obj, form, change)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """GET: asks for a file. POST: suppresses its addresses, and shows the rows that were refused."""
        if not (_may_fill(request) and self.has_add_permission(request)):
            raise PermissionDenied
        form, taken = FileForm(request.POST or None, request.FILES or None), None
        if request.method == "POST" and form.is_valid():
            try:
                taken = _take(form.cleaned_data["file"], form.cleaned_data["channel"])
            except FileError as error:
                form.add_error("file", t("The file %(problem)s. Nothing was stored.") % {"problem": error})
            else:
                words = ngettext("%(n)d address suppressed from a file", "%(n)d addresses suppressed from a file",
                                 taken.added)  # fmt: skip
                self._note(request, words % {"n": taken.added})
        shown = {
            "title": t("Suppressed addresses from a file"),
            "form": form,
            "taken": taken,
            "refusals": taken.refusals[:SHOWN] if taken else [],
            "opts": self.opts,
            "most": SHEET.max_rows,
            "megabytes": SHEET.max_bytes // 1_000_000,
        }
        return render(request, "messaging/suppressions_import.html", self.admin_site.each_context(request) | shown)

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The addresses of the list's filters as CSV or XLSX; the history says who took them."""
        if not (_may_fill(request) and self.has_view_permission(request)) or kind not in ("csv", "xlsx"):
            raise PermissionDenied
        found = self.get_changelist_instance(request)
        self._note(request, t("Took the addresses as a file: %(filters)s") % {"filters": found.get_query_string()})
        if kind == "xlsx":
            file = suppression_files.as_xlsx(found.queryset)
            return FileResponse(file, as_attachment=True, filename="suppressed.xlsx", content_type=XLSX)
        return StreamingHttpResponse(
            suppression_files.as_csv(found.queryset),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="suppressed.csv"'},
        )

    def template_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """A file to fill in."""
        if not _may_fill(request) or kind not in ("csv", "xlsx"):
            raise PermissionDenied
        name = f'attachment; filename="suppressed-template.{kind}"'
        of = XLSX if kind == "xlsx" else "text/csv; charset=utf-8"
        return HttpResponse(suppression_files.template(kind), content_type=of, headers={"Content-Disposition": name})

    def _note(self, request: HttpRequest, words: str) -> None:
        LogEntry.objects.create(
            user_id=request.user.pk,
            content_type=ContentType.objects.get_for_model(Suppression),
            object_repr=str(self.opts.verbose_name_plural),
            action_flag=CHANGE,
            change_message=words,
        )


def _may_fill(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION) and may_see_clients(request)


def _take(upload: UploadedFile, channel: str) -> Taken:
    with NamedTemporaryFile() as file:
        for part in upload.chunks():
            file.write(part)
        file.flush()
        return suppression_files.take(Path(file.name), upload.name or "", channel, timezone.now())
