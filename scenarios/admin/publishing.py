"""The publish dialog: what changes, whom it meets, and the questions that must be answered (semantics §14)."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scenarios.models import Release, Scenario, Trigger
from scenarios.services import checks, entering, publish, releases
from scenarios.services.publish import Answer

KINDS = {
    releases.Kind.ADDED: (_("new"), "add"),
    releases.Kind.REMOVED: (_("removed"), "remove"),
    releases.Kind.CHANGED: (_("changed"), "edit"),
    releases.Kind.MOVED: (_("moved"), "swap_vert"),
}


def context(scenario: Scenario) -> dict[str, Any]:
    """What `scenarios/publish_form.html` shows."""
    document = publish.draft_document(scenario)
    found = checks.findings(scenario, document, timezone.now())
    release = scenario.live_release
    changes = releases.difference(release.snapshot, document) if release else []
    standing = releases.standing(scenario, document)
    return {
        "problems": [finding.words for finding in found if finding.blocks],
        "warnings": [finding.words for finding in found if not finding.blocks],
        "release": release,
        "changes": [(*KINDS[change.kind], change) for change in changes],
        "removed": [step for step in standing if step.removed],
        "staying": [step for step in standing if not step.removed],
        "inside": sum(step.clients for step in standing),
        "answers": Answer.choices,
        "matching": 0 if release else _matching(scenario),
    }


def _matching(scenario: Scenario) -> int:
    """How many match the draft's triggers already (semantics §6); nobody, where a trigger cannot be read yet."""
    triggers = [trigger for trigger in Trigger.objects.filter(scenario=scenario) if not trigger.problems()]
    return entering.count_matching(triggers, timezone.now())


def act(scenario: Scenario, author: User, posted: QueryDict) -> Release:
    """Publishes with the answers of the dialog. Raises `NotPublishable` and `Unanswered`."""
    answers = {
        name.removeprefix("answer-"): value
        for name, value in posted.items()
        if name.startswith("answer-") and value in Answer.values
    }
    now = timezone.now()
    with transaction.atomic():
        release = publish.publish(scenario, author, now, answers, posted.getlist("recalculate"))
        if posted.get("matching"):
            entering.let_matching_in(scenario, now)
    return release
