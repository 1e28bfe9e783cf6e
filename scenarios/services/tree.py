"""Editing the draft tree of a scenario (semantics §13–14).

Every verb holds the scenario's row, so that two editors never interleave, and leaves the positions of
steps and branches dense: 0, 1, 2 … What it refuses is a `TreeError`, in words for the editor; then
nothing has changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction
from django.utils.translation import gettext as t

from scenarios.models import Branch, Forking, Scenario, Step, Trigger
from segments.models import Condition, Group
from segments.services import rule_tree, rules


class TreeError(rule_tree.RuleError):
    """The tree cannot be changed like that; nothing was."""


@contextmanager
def editing(scenario_id: int) -> Iterator[Scenario]:
    """Holds the scenario's row while its draft is changed, and notes the change.

    Raises `TreeError` for a scenario that is archived or gone.
    """
    with transaction.atomic():
        # NO KEY: runs and log rows that refer to the scenario are not held up.
        scenario = Scenario.objects.select_for_update(no_key=True).filter(pk=scenario_id).first()
        if scenario is None:
            raise TreeError(t("This scenario no longer exists."))
        if scenario.status == Scenario.Status.ARCHIVED:
            raise TreeError(t("An archived scenario is not edited: restore it first."))
        yield scenario
        scenario.save(update_fields=["changed_at"])


def create(scenario: Scenario) -> Scenario:
    """Saves a new scenario together with its trunk."""
    with transaction.atomic():
        scenario.save()
        Branch.objects.create(scenario=scenario)
    return scenario


def clear(scenario: Scenario) -> Branch:
    """Empties the draft down to its bare trunk, which it returns. For callers that hold the scenario."""
    trunk = Branch.objects.get(scenario=scenario, fork=None)
    triggers = Trigger.objects.non_polymorphic().filter(scenario=scenario)
    groups = list(triggers.values_list("conditions_id", flat=True))
    triggers.delete()
    below = set(Branch.objects.filter(scenario=scenario, fork__isnull=False).values_list("pk", flat=True))
    steps = Step.objects.non_polymorphic().filter(branch__scenario=scenario)
    _delete(below, set(steps.values_list("pk", flat=True)))
    rules.discard(*groups)
    return trunk


def insert(step: Step, branch: Branch, position: int | None = None) -> Step:
    """Saves a new step at `position` of the branch (None or beyond the end: last); a fork gets its branches."""
    with editing(branch.scenario_id) as scenario:
        branch = _branch(scenario, branch.pk)
        order = _steps(branch)
        place = _place(position, len(order))
        step.branch, step.position = branch, place
        step.save()
        _renumber([*order[:place], step, *order[place:]])
        if isinstance(step, Forking):
            for number, way in enumerate(step.new_ways()):
                Branch.objects.create(
                    scenario=scenario, fork=step, position=number, label=str(way.label), is_default=way.is_default
                )
    return step


def move(step: Step, branch: Branch, position: int | None = None) -> Step:
    """Moves a step, with all below it where it is a fork, to `position` of a branch of the same scenario.

    `position` counts among the other steps. A fork does not go into a branch below itself: no cycles
    can be built (semantics §13).
    """
    with editing(branch.scenario_id) as scenario:
        step = _step(scenario, step.pk)
        branch = _branch(scenario, branch.pk)
        if branch.pk in _below(scenario, step.pk).branches:
            raise TreeError(t("A fork cannot be moved into one of its own branches."))
        left = [other for other in _steps(step.branch) if other.pk != step.pk]
        order = left if branch.pk == step.branch_id else _steps(branch)
        place = _place(position, len(order))
        if branch.pk != step.branch_id:
            _renumber(left)
            step.branch = branch
            step.save(update_fields=["branch"])
        _renumber([*order[:place], step, *order[place:]])
    return step


def delete(step: Step) -> None:
    """Deletes a step; a fork goes with its branches, their conditions and every step below."""
    scenario_id = Branch.objects.filter(pk=step.branch_id).values_list("scenario_id", flat=True).first()
    with editing(scenario_id or 0) as scenario:
        step = _step(scenario, step.pk)
        branch = step.branch
        below = _below(scenario, step.pk)
        _delete(below.branches, {*below.steps, step.pk})
        _renumber(_steps(branch))


def add_branch(fork: Step) -> Branch:
    """Adds a branch to a fork, last before the default one."""
    with editing(fork.branch.scenario_id) as scenario:
        step = _step(scenario, fork.pk)
        if not isinstance(step, Forking):
            raise TreeError(t("Only a fork has branches."))
        if not step.open_ended:
            raise TreeError(t("This step always has the same branches."))
        order = _ways(step)
        place = sum(not branch.is_default for branch in order)
        branch = Branch.objects.create(scenario=scenario, fork=step, position=place)
        _renumber([*order[:place], branch, *order[place:]])
    return branch


def move_branch(branch: Branch, position: int) -> None:
    """Moves a branch to `position` among the other ones of its fork; the default one stays last."""
    with editing(branch.scenario_id) as scenario:
        branch = _branch(scenario, branch.pk)
        fork = _of_fork(branch)
        if branch.is_default:
            raise TreeError(t("The default branch is always the last one."))
        others = [other for other in _ways(fork) if other.pk != branch.pk]
        place = _place(position, sum(not other.is_default for other in others))
        _renumber([*others[:place], branch, *others[place:]])


def delete_branch(branch: Branch) -> None:
    """Deletes a branch with its conditions and every step below. A fork keeps its default branch."""
    with editing(branch.scenario_id) as scenario:
        branch = _branch(scenario, branch.pk)
        fork = _of_fork(branch)
        if branch.is_default:
            raise TreeError(t("The default branch cannot be deleted: delete the fork."))
        if not _step(scenario, fork.pk).open_ended:
            raise TreeError(t("This step always has the same branches."))
        steps: set[int] = set()
        branches = {branch.pk}
        for step_id in [step.pk for step in _steps(branch)]:
            below = _below(scenario, step_id)
            steps |= {step_id, *below.steps}
            branches |= below.branches
        _delete(branches, steps)
        _renumber(_ways(fork))


def add_trigger(trigger: Trigger, scenario: Scenario) -> Trigger:
    """Saves a new trigger of the scenario."""
    with editing(scenario.pk) as locked:
        trigger.scenario = locked
        trigger.save()
    return trigger


def delete_trigger(trigger: Trigger) -> None:
    """Deletes a trigger with its conditions."""
    with editing(trigger.scenario_id):
        Trigger.objects.non_polymorphic().filter(pk=trigger.pk).delete()
        rules.discard(trigger.conditions_id)


@contextmanager
def editing_conditions(owner: Branch | Trigger) -> Iterator[Group]:
    """Holds the scenario of a branch or trigger and gives the tree of its conditions, to be changed by
    `segments.services.rule_tree`; the tree is made on first use."""
    with editing(owner.scenario_id):
        owner.refresh_from_db(fields=["conditions"])
        if isinstance(owner, Branch) and owner.is_default:
            raise TreeError(t("The default branch is for everybody else: it has no conditions."))
        if owner.conditions is None:
            owner.conditions = Group.objects.create()
            owner.save(update_fields=["conditions"])
        yield rules.load([owner.conditions.pk])[owner.conditions.pk]


def add_condition(owner: Branch | Trigger, condition: Condition) -> Condition:
    """Saves a new condition, last, in the outermost group of a branch or trigger."""
    with editing_conditions(owner) as root:
        return rule_tree.add(root, root.pk, condition)


class _Below:
    """Ids of what hangs below a step."""

    def __init__(self) -> None:
        self.steps: set[int] = set()
        self.branches: set[int] = set()


def _below(scenario: Scenario, step_id: int) -> _Below:
    """Everything below a step, in two queries however deep it goes."""
    ways: dict[int, list[int]] = {}
    for pk, fork_id in Branch.objects.filter(scenario=scenario, fork__isnull=False).values_list("pk", "fork_id"):
        ways.setdefault(fork_id, []).append(pk)
    steps: dict[int, list[int]] = {}
    rows = Step.objects.non_polymorphic().filter(branch__scenario=scenario).values_list("pk", "branch_id")
    for pk, branch_id in rows:
        steps.setdefault(branch_id, []).append(pk)
    found, queue = _Below(), [step_id]
    while queue:
        for branch_id in ways.get(queue.pop(), []):
            found.branches.add(branch_id)
            found.steps |= {*steps.get(branch_id, [])}
            queue += steps.get(branch_id, [])
    return found


def _delete(branch_ids: set[int], step_ids: set[int]) -> None:
    groups = list(Branch.objects.filter(pk__in=branch_ids).values_list("conditions_id", flat=True))
    Step.objects.non_polymorphic().filter(pk__in=step_ids).delete()
    Branch.objects.filter(pk__in=branch_ids).delete()
    rules.discard(*groups)


def _branch(scenario: Scenario, branch_id: int) -> Branch:
    branch = Branch.objects.select_related("fork").filter(scenario=scenario, pk=branch_id).first()
    if branch is None:
        raise TreeError(t("There is no such branch in this scenario."))
    return branch


def _step(scenario: Scenario, step_id: int) -> Step:
    step = Step.objects.filter(branch__scenario=scenario, pk=step_id).first()
    if step is None:
        raise TreeError(t("There is no such step in this scenario."))
    return step


def _of_fork(branch: Branch) -> Step:
    if branch.fork is None:
        raise TreeError(t("This is the main line of the scenario, not a branch of a fork."))
    return branch.fork


def _place(position: int | None, length: int) -> int:
    if position is not None and position < 0:
        raise TreeError(t("A position is never negative."))
    return length if position is None else min(position, length)


def _steps(branch: Branch) -> list[Step]:
    return list(Step.objects.non_polymorphic().filter(branch=branch).order_by("position", "pk"))  # type: ignore[arg-type]  # polymorphic loses the model


def _ways(fork: Step) -> list[Branch]:
    return list(Branch.objects.filter(fork=fork).order_by("is_default", "position", "pk"))


def _renumber(rows: Sequence[Step | Branch]) -> None:
    for position, row in enumerate(rows):
        if row.position != position:
            row.position = position
            row.save(update_fields=["position"])
