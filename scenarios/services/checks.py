"""What is wrong, or doubtful, with a draft before it is published (semantics §14)."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as t
from django.utils.translation import ngettext

from loyalty.models import Consent
from loyalty.services import promo
from messaging.models.topic import MARKETING
from messaging.services import render, rulebook
from scenarios.engine import snapshot
from scenarios.engine.snapshot import Named, Row
from scenarios.models import Forking, IssuePromoCode, Scenario, ScenarioRun, SendMessage, Step, Trigger, Wait
from scenarios.services import text_checks
from scenarios.services.finding import Finding as Finding
from segments.models import Condition, Group

# Entries of this many days stand for how many codes the next days will need.
AUDIENCE_DAYS = 30


def findings(scenario: Scenario, document: Row, now: datetime) -> list[Finding]:
    """Everything that forbids publishing the document as this scenario, and what its author should look at again."""
    named = snapshot.named_by(document)
    found: list[Finding] = []
    if not document["triggers"] and scenario.kind != Scenario.Kind.CHAIN:
        found.append(Finding(t("The scenario has no trigger: nobody would ever enter.")))
    if not document["steps"]:
        found.append(Finding(t("The scenario has no steps: nothing would ever happen.")))
    triggers = [snapshot.load_trigger(row, named) for row in document["triggers"]]
    for trigger in triggers:
        found += _of_part(trigger)
        found += _of_conditions(trigger.filter_group(), trigger)
    found += _of_steps(document["steps"], frozenset(), named, False)
    found += _of_topics(document, named, now)
    found += text_checks.findings([snapshot.load_step(row, named) for row in _flat(document["steps"])], triggers)
    found += _of_pools(scenario, document, named, now)
    return found


def _of_part(part: Step | Trigger) -> Iterator[Finding]:
    for problem in part.problems():
        yield Finding(f"{part.sentence()}: {problem}", part.key)


def _of_conditions(condition: Condition | None, part: Step | Trigger) -> Iterator[Finding]:
    if condition is None:
        return
    if isinstance(condition, Group):
        for member in condition.members():
            yield from _of_conditions(member, part)
        return
    try:
        condition.full_clean(exclude=["parent", "polymorphic_ctype"])
    except ValidationError as error:
        for words in error.messages:
            yield Finding(f"{part.sentence()}: {condition.sentence()}: {words}", part.key)


def _of_steps(rows: list[Row], provided: Collection[str], named: Named, followed: bool) -> Iterator[Finding]:
    """Problems of a sequence; `provided` are the variables that steps above set, `followed`: something comes after."""
    for place, row in enumerate(rows):
        step = snapshot.load_step(row, named)
        last = place == len(rows) - 1 and not followed
        yield from _of_part(step)
        yield from _of_texts(step, {*provided, *step.provides} if step.provides_first else provided)
        if isinstance(step, Wait) and not row.get("branches") and last:
            yield Finding(t("%(step)s: nothing comes after this wait.") % {"step": step.sentence()}, step.key, False)
        if row.get("branches"):
            yield from _of_ways(step, row["branches"], named)
            for way in row["branches"]:
                yield from _of_steps(way["steps"], provided, named, not last)
        provided = {*provided, *step.provides}


def _of_texts(step: Step, provided: Collection[str]) -> Iterator[Finding]:
    told: set[str] = set()
    for source in step.templates():
        try:
            text = render.compiled(source)
        except render.TemplateError:
            continue  # the step's own problem
        for name in sorted((text.names & render.STEP_VARIABLES) - set(provided) - told):
            told.add(name)
            line, column = text.place(name)
            words = t("%(step)s: no step above gives «%(variable)s» (line %(line)d, column %(column)d).")
            place = {"step": step.sentence(), "variable": name, "line": line, "column": column}
            yield Finding(words % place, step.key)


def _of_ways(step: Step, ways: list[Row], named: Named) -> Iterator[Finding]:
    if isinstance(step, Forking):
        for problem in step.way_problems([snapshot.load_way(way, named) for way in ways]):
            yield Finding(f"{step.sentence()}: {problem}", step.key)
    if not step.decided_by_conditions:
        return
    if not any(way["is_default"] for way in ways):
        yield Finding(t("%(step)s: the fork has no branch for everybody else.") % {"step": step.sentence()}, step.key)
    seen: dict[str, str] = {}
    for place, way in enumerate(ways):
        if way["is_default"]:
            continue
        label = way["label"] or str(place + 1)
        group: Any = snapshot.load_conditions(way["conditions"], named)
        yield from _of_conditions(group, step)
        if group is None or not list(group.members()):
            words = t("%(step)s: branch «%(branch)s» has no conditions, so the branches after it are dead.")
            yield Finding(words % {"step": step.sentence(), "branch": label}, step.key)
            continue
        said = group.sentence()
        if said in seen:
            words = t("%(step)s: branch «%(branch)s» asks the same as «%(other)s» above it, so it is dead.")
            yield Finding(words % {"step": step.sentence(), "branch": label, "other": seen[said]}, step.key)
        seen.setdefault(said, label)


def _of_topics(document: Row, named: Named, now: datetime) -> Iterator[Finding]:
    """Messages on a topic to which no client ever agreed: a slip of the pen makes a topic of its own."""
    book = rulebook.load(now)
    silent: dict[str, bool] = {}
    for row in _flat(document["steps"]):
        step = snapshot.load_step(row, named)
        if not isinstance(step, SendMessage):
            continue
        rule = book.topic(step.topic)
        if step.topic == MARKETING or rule.free or rule.silence_agrees:
            continue
        if step.topic not in silent:
            silent[step.topic] = not Consent.objects.filter(topic=step.topic, granted=True).exists()
        if silent[step.topic]:
            words = t("%(step)s: no client has agreed to the topic «%(topic)s», so it would reach nobody.")
            yield Finding(words % {"step": step.sentence(), "topic": rule.name}, step.key, False)


def _of_pools(scenario: Scenario, document: Row, named: Named, now: datetime) -> Iterator[Finding]:
    """Pools that hold fewer codes than the clients who are inside or entered lately."""
    issuing = [
        step for row in _flat(document["steps"]) if isinstance(step := snapshot.load_step(row, named), IssuePromoCode)
    ]
    personal = [step for step in issuing if step.pool.kind == step.pool.Kind.PERSONAL]
    if not personal:
        return
    lately = Q(entered_at__gte=now - timedelta(days=AUDIENCE_DAYS)) | Q(state=ScenarioRun.State.ACTIVE)
    wanted = max(1, ScenarioRun.objects.filter(lately, scenario=scenario).count()) if scenario.pk else 1
    left = promo.left([step.pool_id for step in personal], wanted)
    for step in personal:
        if left.get(step.pool_id, 0) < wanted:
            codes = ngettext("%(n)d code", "%(n)d codes", left.get(step.pool_id, 0)) % {"n": left.get(step.pool_id, 0)}
            clients = ngettext("%(n)d client", "%(n)d clients", wanted) % {"n": wanted}
            words = t("%(step)s: the pool has %(codes)s left for %(clients)s.")
            yield Finding(words % {"step": step.sentence(), "codes": codes, "clients": clients}, step.key, False)


def _flat(rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        for way in row.get("branches", ()):
            yield from _flat(way["steps"])
