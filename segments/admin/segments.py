"""Segments: the list, and one page with what a segment is, its rule or its members, and who uses it."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminRadioSelectWidget

from loyalty.admin.base import grouped
from segments.admin import drawing, files, members, rule_editor, rule_verbs
from segments.admin.segment_owner import SegmentOwner
from segments.admin.uses import uses
from segments.models import Membership, Segment
from segments.services import definition
from segments.templatetags.segments import segment_label


class SegmentForm(forms.ModelForm):
    """A segment."""

    class Meta:
        widgets = {"colour": UnfoldAdminColorInputWidget, "kind": UnfoldAdminRadioSelectWidget}


class SegmentList(ChangeList):
    """Segments with their sizes and their uses: a few queries for the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [segment.pk for segment in self.result_list]
        static = [segment.pk for segment in self.result_list if not segment.is_dynamic]
        sizes = dict(Membership.objects.filter(segment__in=static).values_list("segment").annotate(Count("pk")))
        used = uses(ids)
        for segment in self.result_list:
            segment.clients = segment.size if segment.is_dynamic else sizes.get(segment.pk, 0)
            segment.uses = used[segment.pk]


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    """Segments."""

    form = SegmentForm
    list_display = ("label", "what", "clients", "as_of", "used_in", "created_at")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_filter_submit = True
    search_fields = ("name", "slug")
    ordering = ("name",)
    add_fieldsets = ((None, {"fields": (("name", "slug"), "kind", "colour")}),)
    fieldsets = ((None, {"fields": (("name", "slug"), "colour")}),)
    prepopulated_fields = {"slug": ("name",)}
    change_form_outer_before_template = "segments/segment_before.html"
    change_form_outer_after_template = "segments/members.html"
    compressed_fields = False
    actions = None

    class Media:
        js = ("segments/drawer.js", "segments/rule.js", "segments/preview.js")
        css = {"all": ("segments/drawer.css", "segments/rule.css")}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        verbs = [
            path(
                f"<int:object_id>/{verb}/",
                wrap(partial(self.verb_view, verb=verb)),
                name=f"segments_segment_{verb}",
            )
            for verb in rule_verbs.VERBS
        ]
        return [
            path(
                "<int:object_id>/members/",
                wrap(require_POST(self.members_view)),
                name="segments_segment_members",
            ),
            path("<int:object_id>/export/<slug:kind>/", wrap(files.export_view), name="segments_segment_export"),
            path("<int:object_id>/draw/", wrap(self.draw_view), name="segments_segment_draw"),
            path("<int:object_id>/import/", wrap(self.import_view), name="segments_segment_import"),
            path("<int:object_id>/import/<int:import_id>/", wrap(self.imported_view), name="segments_segment_imported"),
            path(
                "<int:object_id>/import/<int:import_id>/refused/",
                wrap(files.refused_view),
                name="segments_segment_refused",
            ),
            *verbs,
            *rule_editor.urls(wrap),
            *super().get_urls(),
        ]

    def verb_view(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        return rule_verbs.verb_view(request, object_id, verb, **self.admin_site.each_context(request))

    def import_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return files.import_view(request, object_id, **self.admin_site.each_context(request))

    def draw_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return drawing.draw_view(request, object_id, **self.admin_site.each_context(request))

    def imported_view(self, request: HttpRequest, object_id: int, import_id: int) -> HttpResponse:
        return files.imported_view(request, object_id, import_id, **self.admin_site.each_context(request))

    def members_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Puts a client in or takes one out, by hand."""
        segment = get_object_or_404(Segment, pk=object_id)
        if not self.has_change_permission(request, segment) or segment.is_dynamic:
            raise PermissionDenied
        if words := members.change(request, segment):
            self.log_change(request, segment, words)
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SegmentList

    def get_fieldsets(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> tuple[str, ...]:
        # Releases name a segment by its slug.
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Segment | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        segment = kwargs.get("obj")
        if segment is not None:
            context["segment"], context["size"] = segment, grouped(segment.size)
            context["uses"] = uses([segment.pk])[segment.pk]
            context["members"] = members.context(request, segment, self.has_change_permission(request, segment))
            if segment.is_dynamic:
                context["rule"] = rule_editor.context(request, SegmentOwner(segment), _("Who is in the segment"))
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        definition.delete(obj)

    # A new segment is opened at once: to write its rule, or to fill it.
    def response_post_save_add(self, request: HttpRequest, obj: Segment) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[obj.pk]))

    response_post_save_change = response_post_save_add

    @display(description=_("name"), ordering="name")
    def label(self, segment: Segment) -> SafeString:
        return segment_label(segment, link=False)

    @display(description=_("kind"), ordering="kind", label={"dynamic": "info"})
    def what(self, segment: Segment) -> tuple[str, str]:
        return segment.kind, str(_("dynamic")) if segment.is_dynamic else str(_("static"))

    @display(description=_("clients"))
    def clients(self, segment: Any) -> str:
        return grouped(segment.clients)

    @display(description=_("as of"))
    def as_of(self, segment: Segment) -> Any:
        return segment.computed_at

    @display(description=_("used in"))
    def used_in(self, segment: Any) -> SafeString | str:
        links = ((use.url, use.name) for use in segment.uses)
        return format_html_join(", ", '<a class="text-link" href="{}">{}</a>', links) or "—"
