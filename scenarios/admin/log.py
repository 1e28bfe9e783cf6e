"""The log of all scenarios: one line an entry, a refused entry, a step, an end."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from loyalty.admin.base import BigTableAdmin, BigTableList, DayFilter, link, masked, may_see_clients
from messaging.admin.messages import STATUS_COLOURS
from messaging.models import Channel, Status
from scenarios.models import STEP_TYPES, RunLog, Scenario, Step
from scenarios.reasons import reason_label
from scenarios.templatetags.scenario_map import readable
from segments.admin.filters import SegmentFilter
from segments.services import rules

KINDS = {kind.__name__: kind for kind in STEP_TYPES}


class ScenarioFilter(DropdownFilter):
    """By scenario; for models with a column `scenario_id`."""

    title = _("scenario")
    parameter_name = "scenario"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        return ((str(pk), name) for pk, name in Scenario.objects.order_by("name").values_list("pk", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(scenario_id=value) if value and value.isdecimal() else queryset


class _MessageFilter(DropdownFilter):
    """By a column of the line's message."""

    options: Any
    column: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return self.options.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[RunLog]) -> QuerySet[RunLog]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class ChannelFilter(_MessageFilter):
    title = _("channel")
    parameter_name = "channel"
    options = Channel
    column = "message__channel"


class StatusFilter(_MessageFilter):
    title = _("message's status")
    parameter_name = "status"
    options = Status
    column = "message__status"


class LogList(BigTableList):
    """Lines with the sentences of their steps: a query or two for every type of step on the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        full = may_see_clients(request)
        steps = list(Step.objects.filter(key__in={line.step_key for line in self.result_list if line.step_key}))
        rules.fetch_related(steps, skip=("branch",))
        sentences = {step.key: step.sentence() for step in steps}
        for line in self.result_list:
            line.sentence = readable(sentences.get(line.step_key, ""))
            line.full = full


@admin.register(RunLog)
class RunLogAdmin(BigTableAdmin):
    """The log."""

    list_display = ("phone", "scenario_name", "created_at", "what", "channel", "status", "why", "accrued")
    # By id only: a page costs one look-up a row, however long the log is.
    list_select_related = ("client", "scenario", "message")
    list_filter = (
        ScenarioFilter,
        SegmentFilter,
        ("kind", ChoicesDropdownFilter),
        ChannelFilter,
        StatusFilter,
        ("created_at", DayFilter),
    )
    list_filter_submit = True
    list_per_page = 100
    list_display_links = None
    empty_value_display = ""
    search_help_text = _("Phone, e-mail or id of a client")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LogList

    @display(description=_("phone"))
    def phone(self, line: Any) -> SafeString | str:
        client = line.client
        if not line.full:
            return masked(client.phone) or f"#{client.pk}"
        return link(client, client.phone or client.email or f"#{client.pk}")

    @display(description=_("scenario"))
    def scenario_name(self, line: RunLog) -> SafeString | str:
        return link(line.scenario)

    @display(description=_("what"), header=True)
    def what(self, line: Any) -> list[Any]:
        if line.kind == RunLog.Kind.STEP:
            kind = KINDS.get(line.step_type)
            return [line.sentence or capfirst(kind._meta.verbose_name if kind else line.step_type), None]
        return [capfirst(line.get_kind_display()), line.sentence or None]

    @display(description=_("channel"))
    def channel(self, line: RunLog) -> str:
        return line.message.get_channel_display() if line.message else ""

    @display(description=_("status"), label=STATUS_COLOURS)
    def status(self, line: RunLog) -> tuple[str, str] | None:
        return (line.message.status, line.message.get_status_display()) if line.message else None

    @display(description=_("reason"))
    def why(self, line: RunLog) -> SafeString | str:
        # What became of the message since is newer than what the step was told.
        reason = (line.message.reason if line.message else "") or line.reason
        return format_html('<span title="{}">{}</span>', line.detail, reason_label(reason)) if reason else ""

    @display(description=_("bonuses"))
    def accrued(self, line: RunLog) -> str:
        return "" if line.bonuses is None else f"{line.bonuses:+d}"
