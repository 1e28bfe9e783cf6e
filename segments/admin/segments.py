"""Segments with their members."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminColorInputWidget

from loyalty.models import Client
from loyalty.services import find
from segments.admin import rule_editor
from segments.models import Membership, Segment
from segments.services import membership

MEMBERS_PAGE = 50


class SegmentForm(forms.ModelForm):
    """A segment."""

    class Meta:
        widgets = {"colour": UnfoldAdminColorInputWidget}


class SegmentList(ChangeList):
    """Segments with their sizes: one query for the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [segment.pk for segment in self.result_list]
        sizes = dict(Membership.objects.filter(segment__in=ids).values_list("segment").annotate(Count("pk")))
        for segment in self.result_list:
            segment.size = sizes.get(segment.pk, 0)


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    """Segments."""

    form = SegmentForm
    list_display = ("coloured", "size", "slug", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = ("name", "slug", "colour")
    prepopulated_fields = {"slug": ("name",)}
    change_form_outer_after_template = "segments/members.html"
    actions = None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.members_view))
        return [
            path("<int:object_id>/members/", view, name="segments_segment_members"),
            *rule_editor.urls(self.admin_site.admin_view),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SegmentList

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> tuple[str, ...]:
        # Releases name a segment by its slug.
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Segment | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        segment = kwargs.get("obj")
        if segment is not None:
            context["members"] = self._members(request, segment)
        return super().render_change_form(request, context, *args, **kwargs)

    def _members(self, request: HttpRequest, segment: Segment) -> dict[str, Any]:
        text = request.GET.get("members", "")
        page = int(text) if text.isdecimal() and 0 < int(text) < 10_000 else 1
        start = (page - 1) * MEMBERS_PAGE
        rows: QuerySet[Membership] = Membership.objects.filter(segment=segment).select_related("client").order_by("-pk")
        shown = list(rows[start : start + MEMBERS_PAGE + 1])
        return {
            "rows": shown[:MEMBERS_PAGE],
            "url": reverse("admin:segments_segment_members", args=[segment.pk]),
            "editable": self.has_change_permission(request, segment),
            "visible": request.user.has_perm("loyalty.view_client"),
            "next_page": page + 1 if len(shown) > MEMBERS_PAGE else None,
            "previous_page": page - 1 if page > 1 else None,
        }

    def members_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Adds the client found by `who`, or removes the client `remove`."""
        segment = get_object_or_404(Segment, pk=object_id)
        if not self.has_change_permission(request, segment):
            raise PermissionDenied
        removed = request.POST.get("remove", "")
        if removed.isdecimal() and len(removed) < 18:
            if membership.remove(segment.pk, {int(removed): 0}, timezone.now()):
                self.log_change(request, segment, t("Removed client %(client)s") % {"client": f"#{removed}"})
        else:
            self._add(request, segment, request.POST.get("who", ""))
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))

    def _add(self, request: HttpRequest, segment: Segment, who: str) -> None:
        found = find.client_ids(who)
        ids = list(Client.objects.filter(pk__in=found, merged_into=None).values_list("pk", flat=True))
        if not ids:
            messages.error(request, t("No client has this phone, e-mail or id."))
            return
        if len(ids) > 1:
            words = ngettext(
                "%(n)d client has it: give something more exact.",
                "%(n)d clients have it: give something more exact.",
                len(ids),
            )  # noqa: E501  # one sentence
            messages.error(request, words % {"n": len(ids)})
            return
        if membership.add(segment.pk, {ids[0]: 0}, timezone.now()):
            self.log_change(request, segment, t("Added client %(client)s") % {"client": f"#{ids[0]}"})
        else:
            messages.info(request, t("The client is in the segment already."))

    @display(description=_("name"), ordering="name")
    def coloured(self, segment: Segment) -> SafeString:
        return format_html('<span style="color: {}">●</span> {}', segment.colour, segment.name)

    @display(description=_("clients"))
    def size(self, segment: Any) -> int:
        return segment.size
