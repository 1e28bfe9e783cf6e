"""Publishing: the draft becomes an immutable, numbered release (semantics §14)."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.engine import scan, snapshot
from scenarios.models import Release, Scenario, ScenarioRun, Trigger
from scenarios.services import checks, releases
from scenarios.services.releases import Standing


def findings(scenario: Scenario, now: datetime) -> list[checks.Finding]:
    """What is wrong, or doubtful, with the draft."""
    return checks.findings(scenario, draft_document(scenario), now)


class NotPublishable(Exception):
    """The draft has problems; each is a sentence in the current language."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def draft_document(scenario: Scenario) -> dict[str, object]:
    """The draft as a release would store it."""
    return json.loads(json.dumps(snapshot.dump(scenario), cls=snapshot.encoder))


def differs(scenario: Scenario) -> bool:
    """Whether the draft says something else than the release in force."""
    return scenario.live_release is None or scenario.live_release.snapshot != draft_document(scenario)


class Unanswered(Exception):
    """Clients stand on steps that the draft no longer has: where they go must be said first (semantics §14)."""

    def __init__(self, steps: list[Standing]) -> None:
        super().__init__(
            "; ".join(
                t("«%(step)s» is gone from the draft: say what becomes of those who stand on it.")
                % {"step": step.sentence}
                for step in steps
            )
        )
        self.steps = steps


class Answer(models.TextChoices):
    """What becomes of clients who stand on a removed step."""

    NEXT = "next", _("they go on to the next step")
    FINISH = "finish", _("they leave the scenario")


def publish(
    scenario: Scenario,
    author: User | None,
    now: datetime,
    answers: Mapping[str, str] | None = None,
    recalculate: Collection[str] = (),
) -> Release:
    """Stores the draft as the next release and puts it in force; a first publication activates the scenario.

    Runs follow the new release from their next step on, by step key. `answers` says for each removed step on which
    clients stand what becomes of them; `recalculate` names waits whose due times are counted anew, all others keep
    theirs (semantics §14). Raises `NotPublishable` and `Unanswered`.
    """
    answers = answers or {}
    with transaction.atomic():
        locked = Scenario.objects.select_for_update().get(pk=scenario.pk)
        document = draft_document(locked)
        if found := [finding.words for finding in checks.findings(locked, document, now) if finding.blocks]:
            raise NotPublishable(found)
        removed = [step for step in releases.standing(locked, document) if step.removed]
        if unanswered := [step for step in removed if step.key not in answers]:
            raise Unanswered(unanswered)
        last = locked.releases.order_by("-number").first()
        release = Release.objects.create(
            scenario=locked,
            number=last.number + 1 if last else 1,
            snapshot=document,
            moves=releases.moves(last, document, answers) if last else {},
            author=author,
            published_at=now,
        )
        locked.live_release = release
        if locked.status == Scenario.Status.DRAFT:
            locked.status = Scenario.Status.ACTIVE
        locked.save(update_fields=["live_release", "status"])
        waiting = ScenarioRun.objects.filter(scenario=locked, state=ScenarioRun.State.ACTIVE)
        # Who stands on a removed step goes at once; who arrives there meanwhile finds the answer in the release.
        waiting.filter(step_key__in=[step.key for step in removed]).update(due_at=now)
        waiting.filter(step_key__in=list(recalculate), waiting=True).update(due_at=now, waiting_until=None)
        scan.begin(locked.pk, Trigger.objects.filter(scenario=locked), now)
    scenario.refresh_from_db()
    return release
