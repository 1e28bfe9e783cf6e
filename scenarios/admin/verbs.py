"""Publish, pause, resume, archive, restore: each says what will happen, then calls one service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.http import require_http_methods

from scenarios.admin import history, publishing, starting
from scenarios.models import EntryClock, Scenario, ScenarioRun
from scenarios.services import lifecycle, transfer
from scenarios.services.draft import BadDocument
from scenarios.services.entering import NotActive
from scenarios.services.publish import NotPublishable, Unanswered
from scenarios.services.tree import TreeError

PERMISSION = "scenarios.publish_scenario"

Status = Scenario.Status


@dataclass(frozen=True, slots=True)
class Verb:
    """What staff can do to a whole scenario."""

    name: str
    label: Promise
    icon: str
    from_states: tuple[str, ...]
    question: Promise
    says: Callable[[Scenario], list[str]]
    # Does it, and says in words for the history what was done; or answers the scenario that was made.
    does: Callable[[HttpRequest, Scenario, datetime], str | Scenario]
    done: Promise
    danger: bool = False


def _inside(scenario: Scenario) -> int:
    return ScenarioRun.objects.filter(scenario=scenario, state=ScenarioRun.State.ACTIVE).count()


def _clients_inside(scenario: Scenario) -> str:
    inside = _inside(scenario)
    if not inside:
        return t("No client is inside now.")
    return ngettext("%(n)d client is inside now.", "%(n)d clients are inside now.", inside) % {"n": inside}


def _says_publish(scenario: Scenario) -> list[str]:
    if scenario.live_release is None:
        return [t("The scenario becomes active: from now on its triggers let clients in.")]
    lines = [_clients_inside(scenario)]
    if _inside(scenario):
        lines.append(t("They follow the new release from their next step on."))
    return lines


def _says_duplicate(scenario: Scenario) -> list[str]:
    return [t("A copy of the draft becomes a scenario of its own, as a draft.")]


def _says_pause(scenario: Scenario) -> list[str]:
    return [_clients_inside(scenario), t("Nobody enters and nothing is sent until you resume; waits run on.")]


def _says_resume(scenario: Scenario) -> list[str]:
    return [_clients_inside(scenario), t("Clients enter and messages are sent again.")]


def _says_archive(scenario: Scenario) -> list[str]:
    inside = _inside(scenario)
    lines = [t("The scenario is hidden in the archive; its log stays.")]
    if inside:
        stopped = ngettext("%(n)d client inside will be stopped.", "%(n)d clients inside will be stopped.", inside)
        lines.insert(0, stopped % {"n": inside})
    clocks = EntryClock.objects.filter(scenario=scenario).count()
    if clocks:
        gone = ngettext(
            "%(n)d entry that is not due yet is forgotten.",
            "%(n)d entries that are not due yet are forgotten.",
            clocks,
        )
        lines.insert(1, gone % {"n": clocks})
    return lines


def _says_restore(scenario: Scenario) -> list[str]:
    if scenario.live_release is None:
        return [t("The scenario comes back as a draft.")]
    return [t("The scenario comes back paused. Clients who were stopped are not brought back.")]


def _publish(request: HttpRequest, scenario: Scenario, now: datetime) -> str:
    release = publishing.act(scenario, request.user, request.POST)  # type: ignore[arg-type]  # admin_view let a user in
    return t("Published as release %(number)d") % {"number": release.number}


def _duplicate(request: HttpRequest, scenario: Scenario, now: datetime) -> Scenario:
    name = t("%(name)s (copy)") % {"name": scenario.name[:190]}
    return transfer.duplicate(scenario, name)


def _pause(request: HttpRequest, scenario: Scenario, now: datetime) -> str:
    lifecycle.pause(scenario, now)
    return t("Paused")


def _resume(request: HttpRequest, scenario: Scenario, now: datetime) -> str:
    lifecycle.resume(scenario, now)
    return t("Resumed")


def _archive(request: HttpRequest, scenario: Scenario, now: datetime) -> str:
    stopped = lifecycle.archive(scenario, now)
    return t("Archived; clients stopped: %(n)d") % {"n": stopped}


def _restore(request: HttpRequest, scenario: Scenario, now: datetime) -> str:
    lifecycle.restore(scenario, now)
    return t("Restored from the archive")


def _says_start(scenario: Scenario) -> list[str]:
    return [t("The rules of entry stay in force; the log says who did not enter, and why.")]


def _start(request: HttpRequest, scenario: Scenario, now: datetime) -> str:
    done = starting.act(scenario, request.POST, now)
    words = t("Started by hand; entered: %(entered)d, did not enter: %(refused)d")
    return words % {"entered": done.entered, "refused": done.refused}


VERBS = (
    Verb("publish", _("Publish"), "rocket_launch", (Status.DRAFT, Status.ACTIVE, Status.PAUSED),
         _("Publish «%(scenario)s»?"), _says_publish, _publish, _("«%(scenario)s» is published.")),
    Verb("pause", _("Pause"), "pause", (Status.ACTIVE,),
         _("Pause «%(scenario)s»?"), _says_pause, _pause, _("«%(scenario)s» is paused.")),
    Verb("resume", _("Resume"), "play_arrow", (Status.PAUSED,),
         _("Resume «%(scenario)s»?"), _says_resume, _resume, _("«%(scenario)s» is active again.")),
    Verb("start", _("Start for…"), "back_hand", (Status.ACTIVE,),
         _("Start «%(scenario)s» for whom?"), _says_start, _start, _("«%(scenario)s» was started by hand.")),
    Verb("duplicate", _("Duplicate"), "content_copy", tuple(Status.values),
         _("Duplicate «%(scenario)s»?"), _says_duplicate, _duplicate,
         _("«%(scenario)s» is duplicated; here is the copy.")),
    Verb("archive", pgettext_lazy("verb", "Archive"), "archive", (Status.DRAFT, Status.ACTIVE, Status.PAUSED),
         _("Archive «%(scenario)s»?"), _says_archive, _archive, _("«%(scenario)s» is archived."), danger=True),
    Verb("restore", _("Restore"), "unarchive", (Status.ARCHIVED,),
         _("Restore «%(scenario)s»?"), _says_restore, _restore, _("«%(scenario)s» is restored.")),
)  # fmt: skip


FORMS = {"publish": "scenarios/publish_form.html", "start": "scenarios/start_form.html"}


def offered(request: HttpRequest, scenario: Scenario) -> list[dict[str, Any]]:
    """The buttons that this user gets for a scenario in its state."""
    if not request.user.has_perm(PERMISSION):
        return []
    return [
        {"label": verb.label, "icon": verb.icon, "url": url(verb.name, scenario), "primary": verb.name == "publish"}
        for verb in VERBS
        if scenario.status in verb.from_states
    ]


def url(name: str, scenario: Scenario) -> str:
    """The address that asks for, and with POST does, a verb."""
    return reverse("admin:scenarios_scenario_verb", args=[scenario.pk, name])


@require_http_methods(["GET", "POST"])
def verb_view(request: HttpRequest, object_id: int, name: str, **context: Any) -> HttpResponse:
    """GET asks, POST does. A script that sends `X-Requested-With` gets the question alone, for a dialog."""
    verb = next((verb for verb in VERBS if verb.name == name), None)
    if verb is None:
        raise Http404
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    scenario = get_object_or_404(Scenario.objects.select_related("live_release"), pk=object_id)
    after = request.POST.get("next", "") or request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}):
        after = reverse("admin:scenarios_scenario_change", args=[scenario.pk])
    named = {"scenario": scenario.name}
    if request.method == "POST":
        try:
            done = verb.does(request, scenario, timezone.now())
        except (NotPublishable, BadDocument) as error:
            for problem in error.problems:
                messages.error(request, problem)
        except (lifecycle.WrongState, Unanswered, TreeError, NotActive, starting.NotUnderstood) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, str(verb.done) % named)
            if name == "start":
                messages.info(request, str(done))
            if isinstance(done, Scenario):
                history.note(request, done, t("Made as a copy of «%(scenario)s»") % named)
                after = reverse("admin:scenarios_scenario_change", args=[done.pk])
            else:
                history.note(request, scenario, done)
        return HttpResponseRedirect(after)
    asked = {
        "question": str(verb.question) % named,
        "title": verb.label,
        "label": verb.label,
        "danger": verb.danger,
        "lines": verb.says(scenario) if scenario.status in verb.from_states else [],
        "action": request.path,
        "next": after,
    }
    if name == "publish":
        asked |= publishing.context(scenario)
    elif name == "start":
        asked |= starting.context(scenario)
    alone = request.headers.get("X-Requested-With") == "fetch"
    form = FORMS.get(name, "scenarios/verb_form.html")
    return render(request, form if alone else "scenarios/verb.html", context | asked | {"form_template": form})
