"""The page of one client's way through one scenario."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as t
from django.views.decorators.http import require_GET

from loyalty.admin.base import link, masked, may_see_clients
from messaging.admin.messages import STATUS_COLOURS, shown_status
from scenarios.admin.runs import sentences
from scenarios.models import RunLog, ScenarioRun
from scenarios.services import story
from scenarios.templatetags.scenario_map import readable


@require_GET
def path_view(request: HttpRequest, run_id: int, **context: Any) -> HttpResponse:
    """What happened to the client, line by line; texts only for those who may see clients."""
    if not request.user.has_perm("scenarios.view_runlog"):
        raise PermissionDenied
    run = ScenarioRun.objects.select_related("client", "scenario").filter(pk=run_id).first()
    if run is None:
        raise Http404("run: there is none, or its months are over")
    full = may_see_clients(request)
    keys = set(RunLog.objects.filter(run=run).values_list("step_key", flat=True)) | {run.step_key}
    said = {key: readable(words) for key, words in sentences(keys - {""}).items()}
    client = run.client
    shown = {
        "title": t("Path of the client"),
        "run": run,
        "who": link(client, client.phone or client.email or f"#{client.pk}") if full else masked(client.phone),
        "scenario": link(run.scenario),
        "stands_on": said.get(run.step_key, "") if run.state == ScenarioRun.State.ACTIVE else "",
        "moments": [
            (
                moment,
                moment.message and (shown_status(moment.message), STATUS_COLOURS.get(moment.message.status, "")),
            )
            for moment in story.of_run(run, said, full)
        ],
        "full": full,
        "opts": ScenarioRun._meta,
    }
    return render(request, "scenarios/path.html", context | shown)
