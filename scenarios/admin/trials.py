"""Trying a scenario out: rehearsal for one client and for the base, and why a client did or did not get it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from loyalty.services import find
from messaging.models import Channel
from scenarios.admin.verbs import PERMISSION
from scenarios.models import Again, Rehearsal, RunLog, Scenario, ScenarioRun
from scenarios.reasons import reason_label
from scenarios.services import again, publish, rehearsal, rehearsals, why
from scenarios.services.publish import draft_document
from scenarios.services.releases import sentences

VIEW_CLIENTS = "loyalty.view_client"


class ClientForm(forms.Form):
    """Whom to look at."""

    client = forms.CharField(
        label=_("client"),
        max_length=254,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Phone, e-mail or id of a client")}),
    )

    def clean_client(self) -> int:
        ids = find.client_ids(self.cleaned_data["client"])
        text = self.cleaned_data["client"].strip()
        if text.isdecimal() and int(text) in ids:
            return int(text)
        if not ids:
            raise ValidationError(_("Nobody is known by this."))
        if len(ids) > 1:
            raise ValidationError(_("Several clients are known by this: give the id of one."))
        return ids[0]


class DaysForm(forms.Form):
    """How many of the last days to rehearse."""

    days = forms.IntegerField(label=_("days"), min_value=1, max_value=366, initial=30,
                              widget=UnfoldAdminIntegerFieldWidget())  # fmt: skip


def scenario_of(request: HttpRequest, object_id: int) -> Scenario:
    """The scenario of a page about it, for whoever may see scenarios."""
    if not (request.user.has_perm("scenarios.view_scenario") or request.user.has_perm("scenarios.change_scenario")):
        raise PermissionDenied
    return get_object_or_404(Scenario.objects.select_related("live_release"), pk=object_id)


@require_http_methods(["GET", "POST"])
def rehearse_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """GET `client`: the timeline of one client. POST `days`: orders a rehearsal of the base, shown when it is done."""
    scenario = scenario_of(request, object_id)
    now = timezone.now()
    days = DaysForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and days.is_valid():
        rehearsals.order(scenario, days.cleaned_data["days"], request.user, now)  # type: ignore[arg-type]  # admin_view let a user in
        return HttpResponseRedirect(reverse("admin:scenarios_scenario_rehearse", args=[scenario.pk]))
    form = ClientForm(request.GET if "client" in request.GET else None)
    timeline = None
    if form.is_bound:
        if not request.user.has_perm(VIEW_CLIENTS):
            raise PermissionDenied
        if form.is_valid():
            timeline = rehearsal.for_client(scenario, form.cleaned_data["client"], now)
    last = scenario.rehearsals.order_by("-pk").first()
    data = {
        "title": t("Rehearsal of «%(scenario)s»") % {"scenario": scenario.name},
        "scenario": scenario,
        "form": form,
        "days_form": days,
        "timeline": timeline and _timeline(timeline),
        "findings": [finding.words for finding in publish.findings(scenario, now)],
        "last": last,
        "waiting": last is not None and last.state in (Rehearsal.State.ORDERED, Rehearsal.State.RUNNING),
        "figures": _figures(scenario, last) if last and last.state == Rehearsal.State.DONE else None,
    }
    return render(request, "scenarios/rehearsal.html", data | context)


def _timeline(found: rehearsal.Timeline) -> dict[str, Any]:
    return {
        "entered": found.entered,
        "refused": reason_label(found.refused) if found.refused else "",
        "holdout": reason_label(f"holdout_{found.holdout}") if found.holdout else "",
        "conditions": found.conditions,
        "state": ScenarioRun.State(found.state).label if found.state else t("outside"),
        "moments": [
            {
                "moment": moment,
                "reason": reason_label(moment.reason) if moment.reason else "",
                "channel": Channel(moment.channel).label if moment.channel in Channel.values else moment.channel,
                "kind": RunLog.Kind(moment.kind).label,
                "sent": moment.status == "accepted",
            }
            for moment in found.moments
        ],
    }


def _figures(scenario: Scenario, done: Rehearsal) -> dict[str, Any]:
    """The stored figures, scaled to the whole base, with the words of today."""
    told = done.figures
    scale = float(told["scale"])
    said = sentences(draft_document(scenario))

    def whole(count: int) -> int:
        return round(count * scale)

    def rows(counts: Mapping[str, int], names: Any) -> list[tuple[str, int]]:
        return [(names(name), whole(count)) for name, count in sorted(counts.items(), key=lambda item: -item[1])]

    return {
        "estimate": told["looked_at"] < told["base"],
        "looked_at": told["looked_at"],
        "base": told["base"],
        "days": told["days"],
        "totals": [
            (t("Entries"), whole(told["entries"])),
            (t("Clients"), whole(told["clients"])),
            (t("Messages"), whole(sum(told["sent"].values()))),
            (t("Bonuses"), whole(told["bonuses"])),
        ],
        "sent": rows(told["sent"], lambda name: Channel(name).label if name in Channel.values else name),
        "withheld": rows(told["withheld"], reason_label),
        "refused": rows(told["refused"], reason_label),
        "steps": [(said[key], whole(count)) for key, count in told["steps"].items() if key in said],
    }


def _again(request: HttpRequest, scenario: Scenario, client_id: int) -> dict[str, Any]:
    """Whether the client was allowed to enter once more, and may be."""
    if not again.enters_once(scenario):
        return {}
    given = Again.objects.filter(scenario=scenario, client=client_id).select_related("author").first()
    return {"offered": request.user.has_perm(PERMISSION), "client": client_id, "given": given}


@require_GET
def why_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """Why the client did or did not get it."""
    scenario = scenario_of(request, object_id)
    if not request.user.has_perm(VIEW_CLIENTS):
        raise PermissionDenied
    form = ClientForm(request.GET if "client" in request.GET else None)
    found = why.why(scenario, form.cleaned_data["client"], timezone.now()) if form.is_valid() else None
    data = {
        "title": t("Why did or didn't this client get «%(scenario)s»?") % {"scenario": scenario.name},
        "scenario": scenario,
        "form": form,
        "found": found,
        "again": _again(request, scenario, form.cleaned_data["client"]) if found else {},
        "kinds": dict(RunLog.Kind.choices),
        "states": dict(ScenarioRun.State.choices),
    }
    return render(request, "scenarios/why.html", data | context)
