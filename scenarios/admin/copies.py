"""Releases of a scenario, and scenarios as files."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from scenarios.admin import history
from scenarios.admin.publishing import KINDS
from scenarios.models import Release, Scenario
from scenarios.services import publish, releases, transfer
from scenarios.services.draft import BadDocument
from scenarios.services.tree import TreeError

CHANGE = "scenarios.change_scenario"


class ImportForm(forms.Form):
    """An exported scenario, and the name it gets here."""

    file = forms.FileField(label=_("file"), widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".json"}))
    name = forms.CharField(
        label=_("name"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Empty: the name in the file."),
    )


@require_GET
def export_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """The draft as a file."""
    scenario = get_object_or_404(Scenario, pk=object_id)
    name = slugify(scenario.name) or f"scenario-{scenario.pk}"
    return HttpResponse(
        transfer.export(scenario),
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.json"'},
    )


@require_http_methods(["GET", "POST"])
def import_view(request: HttpRequest, **context: Any) -> HttpResponse:
    """A new draft from a file."""
    if not request.user.has_perm("scenarios.add_scenario"):
        raise PermissionDenied
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            if upload.size > transfer.MAX_BYTES:
                raise BadDocument([t("The file is larger than %(n)d bytes.") % {"n": transfer.MAX_BYTES}])
            scenario = transfer.import_file(upload.read(), timezone.now(), form.cleaned_data["name"])
        except BadDocument as error:
            for problem in error.problems:
                form.add_error("file", problem)
        else:
            history.note(request, scenario, t("Imported from a file"))
            messages.success(request, t("«%(scenario)s» is imported as a draft.") % {"scenario": scenario.name})
            return HttpResponseRedirect(reverse("admin:scenarios_scenario_change", args=[scenario.pk]))
    return render(request, "scenarios/import.html", {"title": t("Import a scenario"), "form": form} | context)


@require_http_methods(["GET", "POST"])
def releases_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """Every release with what it changed; POST (`release`) makes one the draft again."""
    scenario = get_object_or_404(Scenario.objects.select_related("live_release"), pk=object_id)
    if request.method == "POST":
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        release = get_object_or_404(Release, scenario=scenario, number=request.POST.get("release") or 0)
        try:
            releases.restore_as_draft(release)
        except BadDocument as error:
            for problem in error.problems:
                messages.error(request, problem)
        except TreeError as error:
            messages.error(request, str(error))
        else:
            words = t("Release %(number)d made the draft again") % {"number": release.number}
            history.note(request, scenario, words)
            messages.success(request, words)
        return HttpResponseRedirect(reverse("admin:scenarios_scenario_change", args=[scenario.pk]))
    shown = []
    following = list(scenario.releases.select_related("author").order_by("-number")[:51])
    for release, before in zip(following, [*following[1:], None], strict=True):
        changes = releases.difference(before.snapshot, release.snapshot) if before else []
        shown.append((release, [(*KINDS[change.kind], change) for change in changes], before is None))
    data = {
        "title": t("Releases of «%(scenario)s»") % {"scenario": scenario.name},
        "scenario": scenario,
        "releases": shown[:50],
        "draft_differs": publish.differs(scenario),
        "may_restore": request.user.has_perm(CHANGE) and scenario.status != Scenario.Status.ARCHIVED,
    }
    return render(request, "scenarios/releases.html", data | context)
