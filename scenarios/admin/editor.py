"""The map of a scenario: what it shows, and the one view that its buttons and drags post to."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.http import require_http_methods

from scenarios.admin import history, verbs
from scenarios.admin.parts import editable, visible
from scenarios.models import STEP_TYPES, TRIGGER_TYPES, Branch, Scenario, ScenarioRun, Step, Trigger
from scenarios.services import cards, checks, publish, tree
from segments.services import rules

# Refusals are told to the map's script as plain text.
PLAIN = "text/plain; charset=utf-8"


def context(request: HttpRequest, scenario: Scenario) -> dict[str, Any]:
    """What the template `scenarios/map.html` needs."""
    drawn = cards.load(scenario)
    standing = dict(
        ScenarioRun.objects.filter(scenario=scenario, state=ScenarioRun.State.ACTIVE)
        .values_list("step_key")
        .annotate(Count("pk"))
    )
    release = scenario.live_release
    archived = scenario.status == Scenario.Status.ARCHIVED
    document = publish.draft_document(scenario)
    found = [] if archived else checks.findings(scenario, document, timezone.now())
    anchors = {start.trigger.key: f"trigger-{start.trigger.key}" for start in drawn.starts}
    anchors |= {card.step.key: f"step-{card.step.key}" for card in drawn.cards()}
    at_cards = [
        {"anchor": anchors[finding.key], "text": finding.words, "blocks": finding.blocks}
        for finding in found
        if finding.key in anchors
    ]
    others = [finding.words for finding in found if finding.key not in anchors]
    chain = scenario.kind == Scenario.Kind.CHAIN
    wrong = {finding.key for finding in found if finding.blocks}
    return {
        "scenario": scenario,
        "release": release,
        "map": {
            "url": reverse("admin:scenarios_scenario_map", args=[scenario.pk]),
            "editable": editable(request, scenario),
            "tree": drawn,
            "standing": standing,
            "inside": sum(standing.values()) if release else None,
            "differs": release is not None and release.snapshot != document,
            "problems": others,
            "card_problems": at_cards,
            "wrong": wrong,
            "blocked": any(finding.blocks for finding in found),
            "verbs": verbs.offered(request, scenario),
            "step_types": [_menu_item(kind) for kind in STEP_TYPES if chain or not kind.of_chains],
            "trigger_types": [_menu_item(kind) for kind in TRIGGER_TYPES],
        },
    }


def _menu_item(kind: type[Step] | type[Trigger]) -> dict[str, Any]:
    options = kind._meta
    add = reverse(f"admin:{options.app_label}_{options.model_name}_add")
    return {"url": add, "icon": kind.icon, "label": options.verbose_name}


@require_http_methods(["GET", "POST"])
def map_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """GET: the map. POST: one edit (`verb`, `id` and, for a move, `branch`, `position`), then the map as it is now.

    A refusal is 409 with its words; a call that no map makes is 400.
    """
    scenario = get_object_or_404(Scenario.objects.select_related("live_release"), pk=object_id)
    if not visible(request):
        raise PermissionDenied
    if request.method == "POST":
        if not request.user.has_perm("scenarios.change_scenario"):
            raise PermissionDenied
        edit = EDITS.get(request.POST.get("verb", ""))
        if edit is None:
            return HttpResponseBadRequest("verb: there is no such edit", content_type=PLAIN)
        try:
            words = edit(scenario, Numbers(request.POST))
        except ValueError as error:
            return HttpResponseBadRequest(str(error), content_type=PLAIN)
        except tree.TreeError as error:
            return HttpResponse(str(error), status=409, content_type=PLAIN)
        history.note(request, scenario, words)
    return render(request, "scenarios/map.html", context(request, scenario))


class Numbers:
    """Whole numbers of a posted form."""

    def __init__(self, posted: Any) -> None:
        self.posted = posted

    def __getitem__(self, name: str) -> int:
        """Raises ValueError, naming the field."""
        try:
            value = int(self.posted.get(name, ""))
        except ValueError:
            raise ValueError(f"{name}: a whole number is needed") from None
        if not 0 <= value < 2**31:
            raise ValueError(f"{name}: out of range")
        return value


def _step(scenario: Scenario, pk: int) -> Step:
    step = Step.objects.filter(branch__scenario=scenario, pk=pk).first()
    if step is None:
        raise tree.TreeError(t("There is no such step in this scenario."))
    return step


def _branch(scenario: Scenario, pk: int) -> Branch:
    branch = Branch.objects.filter(scenario=scenario, pk=pk).first()
    if branch is None:
        raise tree.TreeError(t("There is no such branch in this scenario."))
    return branch


def _title(branch: Branch) -> str:
    group = rules.load([branch.conditions_id]).get(branch.conditions_id) if branch.conditions_id else None
    return cards.Way(branch, group, fork=branch.fork).title()


def _move_step(scenario: Scenario, given: Numbers) -> str:
    step, branch = _step(scenario, given["id"]), _branch(scenario, given["branch"])
    tree.move(step, branch, given["position"])
    return t("Moved the step «%(step)s» to «%(branch)s»") % {"step": step.sentence(), "branch": _title(branch)}


def _delete_step(scenario: Scenario, given: Numbers) -> str:
    step = _step(scenario, given["id"])
    words = t("Deleted the step «%(step)s»") % {"step": step.sentence()}
    tree.delete(step)
    return words


def _add_branch(scenario: Scenario, given: Numbers) -> str:
    step = _step(scenario, given["id"])
    tree.add_branch(step)
    return t("Added a branch to «%(step)s»") % {"step": step.sentence()}


def _move_branch(scenario: Scenario, given: Numbers) -> str:
    branch = _branch(scenario, given["id"])
    tree.move_branch(branch, given["position"])
    return t("Moved the branch «%(branch)s»") % {"branch": _title(branch)}


def _delete_branch(scenario: Scenario, given: Numbers) -> str:
    branch = _branch(scenario, given["id"])
    words = t("Deleted the branch «%(branch)s»") % {"branch": _title(branch)}
    tree.delete_branch(branch)
    return words


def _delete_trigger(scenario: Scenario, given: Numbers) -> str:
    trigger = Trigger.objects.filter(scenario=scenario, pk=given["id"]).first()
    if trigger is None:
        raise tree.TreeError(t("There is no such trigger in this scenario."))
    words = t("Deleted the trigger «%(trigger)s»") % {"trigger": trigger.sentence()}
    tree.delete_trigger(trigger)
    return words


EDITS: dict[str, Callable[[Scenario, Numbers], str]] = {
    "move-step": _move_step,
    "delete-step": _delete_step,
    "add-branch": _add_branch,
    "move-branch": _move_branch,
    "delete-branch": _delete_branch,
    "delete-trigger": _delete_trigger,
}
