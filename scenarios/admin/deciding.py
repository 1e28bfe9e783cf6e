"""What staff decide about a running scenario: the winner of a split, and who may enter once more."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.http import require_POST

from scenarios.admin import history
from scenarios.admin.trials import VIEW_CLIENTS, ClientForm, scenario_of
from scenarios.admin.verbs import PERMISSION
from scenarios.engine.flow import flow
from scenarios.engine.live import on_stage
from scenarios.models import Scenario, Split, SplitWinner
from scenarios.services import again, split_results


def splits(scenario: Scenario) -> list[dict[str, Any]]:
    """What the splits of the live release show: every branch with its clients and goals, and the winner."""
    if scenario.live_release_id is None:
        return []
    live = on_stage(scenario, flow(scenario.live_release_id))
    winners = {row.step_key: row for row in SplitWinner.objects.filter(scenario=scenario).select_related("author")}
    found = []
    for key, node in live.flow.nodes.items():
        if not isinstance(step := node.step, Split):
            continue
        ways = step.ways()
        goal = live.rules.goal
        counted = split_results.variants(live, step, goal, timezone.now()) if goal else []
        figures = {variant.branch: variant for variant in counted}
        winner = winners.get(key)
        found.append(
            {
                "key": key,
                "sentence": str(step.sentence()),
                "ways": [(way.key, way.label or way.key, figures.get(way.key)) for way in ways],
                "winner": winner,
                "name": next((way.label for way in ways if winner and way.key == winner.branch), ""),
                "has_goal": goal is not None,
            }
        )
    return found


@require_POST
def winner_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """POST `step` and `branch`: everybody takes that branch from now on; without a branch the split draws again."""
    scenario = _decidable(request, object_id)
    known = {split["key"]: split for split in splits(scenario)}
    split = known.get(request.POST.get("step", ""))
    branch = request.POST.get("branch", "")
    if split is None:
        raise Http404
    names = {key: label for key, label, _ in split["ways"]}
    if not branch:
        split_results.forget(scenario, split["key"])
        words = t("The split draws again: %(step)s") % {"step": split["sentence"]}
    elif branch in names:
        split_results.choose(scenario, split["key"], branch, _user(request), timezone.now())
        words = t("Winner of a split chosen: %(branch)s") % {"branch": names[branch]}
    else:
        raise Http404
    history.note(request, scenario, words)
    messages.success(request, words)
    return HttpResponseRedirect(reverse("admin:scenarios_scenario_results", args=[scenario.pk]))


@require_POST
def again_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """POST `client`: the client may enter once more what is entered once ever; the history says who allowed it."""
    scenario = _decidable(request, object_id)
    if not request.user.has_perm(VIEW_CLIENTS):
        raise PermissionDenied
    form = ClientForm(request.POST)
    if not form.is_valid():
        raise Http404
    client_id = form.cleaned_data["client"]
    if not again.enters_once(scenario):
        messages.error(request, t("A client may enter this scenario again anyway."))
    else:
        times = again.allow_again(scenario, client_id, _user(request), timezone.now())
        words = t("Client #%(client)d may enter again; allowed in all: %(times)d") % {
            "client": client_id, "times": times,
        }  # fmt: skip
        history.note(request, scenario, words)
        messages.success(request, words)
    return HttpResponseRedirect(f"{reverse('admin:scenarios_scenario_why', args=[scenario.pk])}?client={client_id}")


def _decidable(request: HttpRequest, object_id: int) -> Scenario:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return scenario_of(request, object_id)


def _user(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]  # admin_view let a user in
