"""Scenarios: the tabs of the list, the change page with the map, the settings below it."""

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget

from loyalty.admin.fields import event_field, events_field
from scenarios.admin import copies, deciding, editor, history, links, results, trials, verbs
from scenarios.admin.properties import FiltersField
from scenarios.models import Scenario, ScenarioRun, Trigger
from scenarios.services import tree

Status = Scenario.Status

# The tabs of the list, by the value of `?tab=`; the first is what the list shows by itself.
TABS: dict[str, tuple[str, ...]] = {
    "active": (Status.ACTIVE, Status.PAUSED),
    "drafts": (Status.DRAFT,),
    "chains": (Status.ACTIVE, Status.PAUSED, Status.DRAFT),
    "archive": (Status.ARCHIVED,),
}


def tab_of(request: HttpRequest) -> str:
    """The tab that the list shows."""
    tab = request.GET.get("tab", "")
    return tab if tab in TABS else "active"


class ScenarioForm(forms.ModelForm):
    """The settings: events by name instead of an array."""

    description = forms.CharField(
        label=_("Description"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    exit_events = events_field(
        _("leave at once on"), required=False, help_text=_("Events that end the client's run wherever it stands.")
    )

    goal_event = event_field(
        pgettext_lazy("scenario", "goal"),
        required=False,
        help_text=_("What the scenario is for. When it happens, the client leaves at once: the goal is reached."),
    )
    goal_filters = FiltersField(label=_("Only if the event says"))

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        # The constraint lets an empty number through: NULL is no violation to the database.
        if values.get("reentry") == Scenario.Reentry.INTERVAL and not values.get("reentry_days"):
            self.add_error("reentry_days", _("Give the number of days between entries."))
        return values


class ScenarioList(ChangeList):
    """Rows with their figures: one query a figure, however many rows."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        return {name: value for name, value in super().get_filters_params(params).items() if name != "tab"}

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [scenario.pk for scenario in self.result_list]
        runs = ScenarioRun.objects.filter(scenario__in=ids).values_list("scenario")
        entered = dict(runs.annotate(Count("pk")))
        inside = dict(runs.filter(state=ScenarioRun.State.ACTIVE).annotate(Count("pk")))
        starts: dict[int, list[Trigger]] = {}
        for trigger in Trigger.objects.filter(scenario__in=ids):
            starts.setdefault(trigger.scenario_id, []).append(trigger)
        for scenario in self.result_list:
            scenario.figures = Counter(entered=entered.get(scenario.pk, 0), inside=inside.get(scenario.pk, 0))
            scenario.starts = starts.get(scenario.pk, [])
            scenario.offered = verbs.offered(request, scenario)


@admin.register(Scenario)
class ScenarioAdmin(ModelAdmin):
    """Scenarios."""

    form = ScenarioForm
    change_form_template = "scenarios/scenario_change.html"
    list_display = ("named", "state", "triggers", "inside", "entered", "published", "buttons")
    search_fields = ("name", "description")
    ordering = ("-changed_at",)
    list_select_related = ("live_release",)
    list_after_template = "segments/dialogs.html"
    actions_list = ("import_link",)
    add_fieldsets = ((None, {"fields": ("name", "kind", "description")}),)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "priority"),
                    "description",
                    ("reentry", "reentry_days"),
                    "parallel",
                    ("starts_at", "ends_at"),
                    ("entry_cap", "client_cap"),
                    ("rivals", "rival_days"),
                    "exit_events",
                    ("goal_event", "goal_days"),
                    "goal_filters",
                    ("holdout_share", "overdue_hours"),
                )
            },
        ),
    )
    # A reader's page has no such fields.
    conditional_fields = {
        "reentry_days": "typeof reentry === 'undefined' || reentry === 'interval'",
        "goal_days": "typeof goal_event === 'undefined' || goal_event !== ''",
        "goal_filters": "typeof goal_event === 'undefined' || goal_event !== ''",
        "rival_days": "typeof rivals === 'undefined' || rivals !== ''",
    }
    compressed_fields = False

    class Media:
        js = ("segments/drawer.js", "scenarios/sortable.min.js", "scenarios/map.js")
        css = {"all": ("segments/drawer.css", "scenarios/map.css")}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:object_id>/map/", wrap(editor.map_view), name="scenarios_scenario_map"),
            path("<int:object_id>/export/", wrap(copies.export_view), name="scenarios_scenario_export"),
            path("<int:object_id>/releases/", wrap(self.releases_view), name="scenarios_scenario_releases"),
            path("<int:object_id>/rehearse/", wrap(self.rehearse_view), name="scenarios_scenario_rehearse"),
            path("<int:object_id>/results/", wrap(self.results_view), name="scenarios_scenario_results"),
            path("<int:object_id>/links/", wrap(self.links_view), name="scenarios_scenario_links"),
            path("<int:object_id>/why/", wrap(self.why_view), name="scenarios_scenario_why"),
            path("<int:object_id>/winner/", wrap(deciding.winner_view), name="scenarios_scenario_winner"),
            path("<int:object_id>/again/", wrap(deciding.again_view), name="scenarios_scenario_again"),
            path("import/", wrap(self.import_view), name="scenarios_scenario_import"),
            path("<int:object_id>/do/<slug:name>/", wrap(self.verb_view), name="scenarios_scenario_verb"),
            *super().get_urls(),
        ]

    def verb_view(self, request: HttpRequest, object_id: int, name: str) -> HttpResponse:
        return verbs.verb_view(request, object_id, name, **self.admin_site.each_context(request), opts=self.opts)

    def releases_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return copies.releases_view(request, object_id, **self.admin_site.each_context(request), opts=self.opts)

    def rehearse_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return trials.rehearse_view(request, object_id, **self.admin_site.each_context(request), opts=self.opts)

    def why_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return trials.why_view(request, object_id, **self.admin_site.each_context(request), opts=self.opts)

    def results_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return results.results_view(request, object_id, **self.admin_site.each_context(request), opts=self.opts)

    def links_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return links.links_view(request, object_id, **self.admin_site.each_context(request), opts=self.opts)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        return copies.import_view(request, **self.admin_site.each_context(request), opts=self.opts)

    @action(description=_("Import"), url_path="import-file", icon="upload_file", permissions=["add"])
    def import_link(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:scenarios_scenario_import"))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ScenarioList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scenario]:
        scenarios = super().get_queryset(request)
        match = request.resolver_match
        if match and match.url_name == "scenarios_scenario_changelist":
            tab = tab_of(request)
            chains = scenarios.filter(kind=Scenario.Kind.CHAIN) if tab == "chains" else scenarios
            return chains.filter(status__in=TABS[tab])
        return scenarios

    # A scenario is archived, never deleted (semantics §15).
    def has_delete_permission(self, request: HttpRequest, obj: Scenario | None = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        scenario = kwargs.get("obj")
        if scenario is not None:
            context |= editor.context(request, scenario)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Scenario, form: Any, change: bool) -> None:
        if not change:
            tree.create(obj)
            return
        obj.save()
        if form.changed_data:
            labels = ", ".join(str(form.fields[name].label) for name in form.changed_data)
            history.note(request, obj, str(_("Settings changed: %(fields)s")) % {"fields": labels})

    def log_change(self, request: HttpRequest, obj: Scenario, message: Any) -> None:
        """`save_model` says it in words."""

    def response_post_save_add(self, request: HttpRequest, obj: Scenario) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:scenarios_scenario_change", args=[obj.pk]))

    response_post_save_change = response_post_save_add

    @display(description=_("name"), ordering="name", header=True)
    def named(self, scenario: Scenario) -> list[str]:
        # A chain is named by its short name in files and by the API.
        said = [scenario.slug] if scenario.kind == Scenario.Kind.CHAIN else []
        return [scenario.name, " · ".join([*said, scenario.description[:80]]).removesuffix(" · ")]

    @display(
        description=_("status"),
        ordering="status",
        label={Status.ACTIVE: "success", Status.PAUSED: "warning", Status.DRAFT: "info"},
    )
    def state(self, scenario: Scenario) -> tuple[str, str]:
        return scenario.status, scenario.get_status_display()

    @display(description=_("starts"))
    def triggers(self, scenario: Any) -> str:
        return "; ".join(trigger.sentence() for trigger in scenario.starts) or "—"

    @display(description=_("inside now"))
    def inside(self, scenario: Any) -> int:
        return scenario.figures["inside"]

    @display(description=_("entered in all"))
    def entered(self, scenario: Any) -> int:
        return scenario.figures["entered"]

    @display(description=_("published"), ordering="live_release__published_at")
    def published(self, scenario: Scenario) -> Any:
        return scenario.live_release.published_at if scenario.live_release else None

    @display(description="")
    def buttons(self, scenario: Any) -> SafeString:
        return render_to_string("scenarios/row_verbs.html", {"verbs": scenario.offered})
