"""Runs: where every client stands, and the Problems page."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.views import ChangeList

from loyalty.admin.base import BigTableAdmin, BigTableList, link, masked, may_see_clients
from messaging.models import Channel, Reason
from scenarios.admin.log import ScenarioFilter
from scenarios.admin.verbs import PERMISSION
from scenarios.models import Scenario, ScenarioRun, Step
from scenarios.reasons import reason_label
from scenarios.services import problems, runs
from scenarios.templatetags.scenario_map import readable
from segments.services import rules

State = ScenarioRun.State

VERBS = {"retry": (runs.retry, _("Try again")), "skip": (runs.skip, _("Skip the step")),
         "finish": (runs.finish, _("Finish"))}  # fmt: skip


def sentences(keys: set[str]) -> dict[str, str]:
    """The sentences of steps by key: a query or two for every type of step."""
    steps = list(Step.objects.filter(key__in=keys))
    rules.fetch_related(steps, skip=("branch",))
    return {step.key: step.sentence() for step in steps}


class RunList(BigTableList):
    """Runs with the sentences of their steps."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        said = sentences({run.step_key for run in self.result_list if run.step_key})
        full = may_see_clients(request)
        for run in self.result_list:
            run.sentence, run.full = readable(said.get(run.step_key, "")), full


@admin.register(ScenarioRun)
class ScenarioRunAdmin(BigTableAdmin):
    """Runs."""

    list_display = ("who", "scenario_name", "state_label", "where", "due_at", "entered_at", "held_out", "trouble")
    list_select_related = ("client", "scenario")
    list_filter = (ScenarioFilter, ("state", ChoicesDropdownFilter), ("holdout", ChoicesDropdownFilter))
    list_filter_submit = True
    list_display_links = None
    empty_value_display = ""
    search_help_text = _("Phone, e-mail or id of a client")
    actions = ("retry", "skip", "finish")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.problems_view)
        return [path("problems/", page, name="scenarios_problems"), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RunList

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScenarioRun]:
        runs_ = super().get_queryset(request)
        step = request.GET.get("step")
        return runs_.filter(step_key=step) if step else runs_

    def has_verbs_permission(self, request: HttpRequest) -> bool:
        """Who may publish a scenario may also mend its runs."""
        return request.user.has_perm(PERMISSION)

    @action(description=_("Try again"), permissions=["verbs"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ScenarioRun]) -> None:
        _do(request, "retry", list(queryset.values_list("pk", flat=True)))

    @action(description=_("Skip the step"), permissions=["verbs"])
    def skip(self, request: HttpRequest, queryset: QuerySet[ScenarioRun]) -> None:
        _do(request, "skip", list(queryset.values_list("pk", flat=True)))

    @action(description=_("Finish"), permissions=["verbs"])
    def finish(self, request: HttpRequest, queryset: QuerySet[ScenarioRun]) -> None:
        _do(request, "finish", list(queryset.values_list("pk", flat=True)))

    def problems_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return problems_view(request, **self.admin_site.each_context(request))

    @display(description=_("client"))
    def who(self, run: Any) -> SafeString | str:
        client = run.client
        if not run.full:
            return masked(client.phone) or f"#{client.pk}"
        return link(client, client.phone or client.email or f"#{client.pk}")

    @display(description=_("scenario"))
    def scenario_name(self, run: ScenarioRun) -> SafeString | str:
        return link(run.scenario)

    @display(
        description=_("state"),
        label={State.ACTIVE: "info", State.COMPLETED: "success", State.EXITED: "warning", State.FAILED: "danger"},
    )
    def state_label(self, run: ScenarioRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @display(description=_("stands on"))
    def where(self, run: Any) -> str:
        return run.sentence if run.state in (State.ACTIVE, State.FAILED) else ""

    @display(description=_("control group"))
    def held_out(self, run: ScenarioRun) -> str:
        return run.get_holdout_display() if run.holdout else ""

    @display(description=_("reason"))
    def trouble(self, run: ScenarioRun) -> SafeString | str:
        if run.error:
            return format_html('<span title="{}">{}</span>', run.error, run.error[:80])
        return reason_label(run.reason) if run.reason else ""


def _do(request: HttpRequest, verb: str, run_ids: list[int]) -> None:
    done = VERBS[verb][0](run_ids, request.user.get_username(), timezone.now())
    words = ngettext("%(verb)s: %(n)d run", "%(verb)s: %(n)d runs", done) % {"verb": VERBS[verb][1], "n": done}
    messages.success(request, words)
    if left := len(run_ids) - done:
        messages.warning(request, t("Left as they are, for their state forbids it: %(n)d") % {"n": left})


@require_http_methods(["GET", "POST"])
def problems_view(request: HttpRequest, **context: Any) -> HttpResponse:
    """GET: what is wrong. POST: `verb` for all failed runs of (`scenario`, `step`, `error`)."""
    here = reverse("admin:scenarios_problems")
    if request.method == "POST":
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        verb, scenario = request.POST.get("verb", ""), request.POST.get("scenario", "")
        if verb not in VERBS or not scenario.isdecimal():
            return HttpResponseBadRequest("verb, scenario: missing or unknown", content_type="text/plain")
        _do(
            request,
            verb,
            problems.failed_ids(int(scenario), request.POST.get("step", ""), request.POST.get("error", "")),
        )
        return HttpResponseRedirect(here)
    found = problems.find(timezone.now())
    said = sentences({row.step_key for row in [*found.failed, *found.withheld]})
    names = dict(Scenario.objects.filter(pk__in={row.scenario_id for row in found.withheld}).values_list("pk", "name"))
    data = {
        "title": t("Problems"),
        "found": found,
        "failed": [(row, said.get(row.step_key, "")) for row in found.failed],
        "withheld": [
            (row, names.get(row.scenario_id, ""), said.get(row.step_key, ""), Reason(row.reason).label)
            for row in found.withheld
        ],
        "channels": [(row, Channel(row.channel).label) for row in found.channels],
        "verbs": [(name, label) for name, (_, label) in VERBS.items()] if request.user.has_perm(PERMISSION) else [],
    }
    return render(request, "scenarios/problems.html", data | context)
