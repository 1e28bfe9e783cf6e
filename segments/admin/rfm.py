"""RFM in the admin: the map, its rules, and the clients of a group (semantics §46)."""

from typing import Any

import django_rq
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from loyalty.admin.base import BigTableAdmin, ReadOnlyAdmin, link, money
from loyalty.models import Client
from segments.admin import rfm_page
from segments.models import RfmScore, RfmSettings, RfmSnapshot
from segments.rfm import SCORES, Cell, RfmBand, RfmGroup, cells, groups_of
from segments.services import rfm

JOB = "segments.jobs.score"


def tag(group: RfmGroup) -> SafeString:
    """A group as a coloured label."""
    return format_html('<span class="rfm-tag is-{}">{}</span>', group.value, group.label)


@admin.register(RfmSnapshot)
class RfmSnapshotAdmin(ReadOnlyAdmin):
    """The map of the newest snapshot, or of an older one."""

    def get_urls(self) -> list[URLPattern]:
        recompute = self.admin_site.admin_view(require_POST(self.recompute_view))
        return [path("recompute/", recompute, name="segments_rfm_recompute"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        by = "revenue" if request.GET.get("by") == "revenue" else "clients"
        clickable = request.user.has_perm("segments.view_rfmscore")
        context = {
            **self.admin_site.each_context(request),
            "title": t("RFM: how recently, how often, for how much"),
            "opts": self.opts,
            "rfm": rfm_page.page(_asked(request), rfm.current(), by, clickable),
            "may_recompute": _may_recompute(request),
        }
        return TemplateResponse(request, "segments/rfm.html", context)

    def recompute_view(self, request: HttpRequest) -> HttpResponse:
        """Asks for a snapshot as of now; the job takes it."""
        if not _may_recompute(request):
            raise PermissionDenied
        rfm.ask(timezone.now())
        transaction.on_commit(lambda: django_rq.get_queue("segments").enqueue(JOB), robust=True)
        return HttpResponseRedirect(reverse("admin:segments_rfmsnapshot_changelist"))


def _asked(request: HttpRequest) -> RfmSnapshot | None:
    text = request.GET.get("snapshot", "")
    return RfmSnapshot.objects.filter(pk=text).first() if text.isdecimal() and len(text) < 18 else None


def _may_recompute(request: HttpRequest) -> bool:
    return request.user.has_perm("segments.change_rfmsettings")


@admin.register(RfmSettings)
class RfmSettingsAdmin(ModelAdmin):
    """The rules: one row, so its list is its page."""

    fields = ("window_days", "taken_at", "ties", "zero_spend")
    compressed_fields = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:segments_rfmsettings_change", args=[rfm.current().pk]))

    def save_model(self, request: HttpRequest, obj: RfmSettings, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_data)

    def response_change(self, request: HttpRequest, obj: RfmSettings) -> HttpResponse:
        messages.success(request, t("The rules are saved. They decide from the next snapshot on."))
        return HttpResponseRedirect(reverse("admin:segments_rfmsnapshot_changelist"))


class GroupFilter(DropdownFilter):
    """By group."""

    title = pgettext_lazy("RFM", "group")
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(RfmGroup.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[RfmScore]) -> QuerySet[RfmScore]:
        return _in_cells(queryset, cells([self.value()])) if self.value() else queryset


class BandFilter(DropdownFilter):
    """By band."""

    title = pgettext_lazy("RFM", "band")
    parameter_name = "band"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(RfmBand.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[RfmScore]) -> QuerySet[RfmScore]:
        return _in_cells(queryset, cells(groups_of(self.value()))) if self.value() else queryset


def _in_cells(queryset: QuerySet[RfmScore], wanted: list[Cell]) -> QuerySet[RfmScore]:
    any_of = Q(pk__in=[])
    for r, f in wanted:
        any_of |= Q(r=r, f=f)
    return queryset.filter(any_of)


class _ScoreFilter(DropdownFilter):
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(score), str(score)) for score in reversed(SCORES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RfmScore]) -> QuerySet[RfmScore]:
        scores = [str(score) for score in SCORES]
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() in scores else queryset


class RecencyFilter(_ScoreFilter):
    """By the score of recency."""

    title = _("recency")
    parameter_name = "r"


class FrequencyFilter(_ScoreFilter):
    """By the score of frequency."""

    title = _("frequency")
    parameter_name = "f"


class MoneyFilter(_ScoreFilter):
    """By the score of money."""

    title = _("money")
    parameter_name = "m"


@admin.register(RfmScore)
class RfmScoreAdmin(BigTableAdmin):
    """Buyers with their scores by the newest snapshot."""

    list_display = ("who", "grouped", "scores", "last_at", "frequency", "spent", "since")
    list_select_related = ("client",)
    list_filter = (GroupFilter, BandFilter, RecencyFilter, FrequencyFilter, MoneyFilter)
    list_filter_submit = True
    search_help_text = _("Phone, e-mail or id of a client")
    list_display_links = None
    fields = ("who", "grouped", "scores", "last_at", "frequency", "spent", "since")
    readonly_fields = ("who", "grouped", "scores", "spent")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RfmScore]:
        self.currency = RfmSnapshot.objects.order_by("-asof").values_list("currency", flat=True).first() or ""
        return super().get_queryset(request)

    @display(description=_("client"))
    def who(self, score: RfmScore) -> SafeString | str:
        return link(score.client)

    @display(description=pgettext_lazy("RFM", "group"))
    def grouped(self, score: RfmScore) -> SafeString:
        return tag(score.group)

    @display(description=_("R F M"))
    def scores(self, score: RfmScore) -> str:
        return f"{score.r} {score.f} {score.m}"

    @display(description=pgettext_lazy("money", "spent"))
    def spent(self, score: RfmScore) -> str:
        return money(score.monetary, self.currency)


def of_client(request: HttpRequest, client: Client) -> SafeString | str:
    """A client's scores, for the client's page; nothing where there is no score."""
    if not request.user.has_perm("segments.view_rfmscore"):
        return ""
    score = RfmScore.objects.filter(client=client).first()
    snapshot = RfmSnapshot.objects.order_by("-asof").first()
    if score is None or snapshot is None:
        return ""
    context = {
        "score": score,
        "tag": tag(score.group),
        "spent": money(score.monetary, snapshot.currency),
        "snapshot": snapshot,
        "rows": [[(r, f) == (score.r, score.f) for f in SCORES] for r in reversed(SCORES)],
        "history": reverse("admin:segments_rfmsnapshot_changelist"),
    }
    return render_to_string("segments/rfm_of_client.html", context, request)
