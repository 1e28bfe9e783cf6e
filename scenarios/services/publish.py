"""Publishing: the draft becomes an immutable, numbered release (semantics §14)."""

import json
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as t

from scenarios.engine import snapshot
from scenarios.models import Branch, Fork, Release, Scenario, Step, Trigger


class NotPublishable(Exception):
    """The draft has problems; each is a sentence in the current language."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def problems(scenario: Scenario) -> list[str]:
    """What forbids publishing the draft, in the current language; empty: nothing does."""
    found: list[str] = []
    triggers = list(Trigger.objects.filter(scenario=scenario))
    steps = list(Step.objects.filter(branch__scenario=scenario))
    if not triggers:
        found.append(t("The scenario has no trigger: nobody would ever enter."))
    if not steps:
        found.append(t("The scenario has no steps: nothing would ever happen."))
    parts: list[Trigger | Step] = [*triggers, *steps]
    for part in parts:
        found += [f"{part.sentence()}: {problem}" for problem in part.problems()]
    forks = {step.pk: step for step in steps if isinstance(step, Fork)}
    for fork_id, fork in forks.items():
        branches = list(Branch.objects.filter(fork=fork_id))
        if not any(branch.is_default for branch in branches):
            found.append(t("%(step)s: the fork has no branch for everybody else.") % {"step": fork.sentence()})
        for branch in branches:
            if not branch.is_default and (branch.conditions is None or not branch.conditions.children.exists()):
                found.append(
                    t("%(step)s: branch «%(branch)s» has no conditions, so the branches after it are dead.")
                    % {"step": fork.sentence(), "branch": branch.label or branch.position + 1}
                )
    return found


def draft_document(scenario: Scenario) -> dict[str, object]:
    """The draft as a release would store it."""
    return json.loads(json.dumps(snapshot.dump(scenario), cls=snapshot.encoder))


def differs(scenario: Scenario) -> bool:
    """Whether the draft says something else than the release in force."""
    return scenario.live_release is None or scenario.live_release.snapshot != draft_document(scenario)


def publish(scenario: Scenario, author: User | None, now: datetime) -> Release:
    """Stores the draft as the next release and puts it in force; a first publication activates the scenario.

    Runs follow the new release from their next step on, by step key. Raises `NotPublishable`.
    """
    with transaction.atomic():
        locked = Scenario.objects.select_for_update().get(pk=scenario.pk)
        if found := problems(locked):
            raise NotPublishable(found)
        last = locked.releases.order_by("-number").values_list("number", flat=True).first() or 0
        release = Release.objects.create(
            scenario=locked, number=last + 1, snapshot=draft_document(locked), author=author, published_at=now
        )
        locked.live_release = release
        if locked.status == Scenario.Status.DRAFT:
            locked.status = Scenario.Status.ACTIVE
        locked.save(update_fields=["live_release", "status"])
    scenario.refresh_from_db()
    return release
