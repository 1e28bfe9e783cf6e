"""A scenario's draft as a tree of cards, for drawing. Reads a bounded number of queries: one or two for
every type of step, trigger and condition in use, however many cards there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import models
from django.utils.translation import gettext as t

from scenarios.models import Branch, Scenario, Step, Trigger
from segments.models import Condition, Group


@dataclass(slots=True)
class Card:
    """A step and, where it forks, its ways in order."""

    step: Step
    ways: list["Way"] = field(default_factory=list)

    def size(self) -> int:
        """How many steps go when this one is deleted: itself and all below."""
        return 1 + sum(card.size() for way in self.ways for card in way.cards)


@dataclass(slots=True)
class Way:
    """A branch, the group of its conditions, and its cards in order."""

    branch: Branch
    group: Group | None = None
    cards: list[Card] = field(default_factory=list)

    def title(self) -> str:
        """What the branch's header says."""
        if self.branch.is_default:
            return self.branch.label or t("Otherwise")
        return self.branch.label or self.condition() or t("Everybody")

    def condition(self) -> str:
        """The conditions in words; empty where there are none."""
        return self.group.sentence() if self.group and self.group.members() else ""


@dataclass(slots=True)
class Start:
    """A trigger and the group of its conditions."""

    trigger: Trigger
    group: Group | None = None

    def condition(self) -> str:
        """The conditions in words; empty where there are none."""
        return self.group.sentence() if self.group and self.group.members() else ""


@dataclass(slots=True)
class Tree:
    """The whole draft."""

    starts: list[Start]
    trunk: Way

    def cards(self) -> list[Card]:
        """Every card, in reading order."""

        def walk(way: Way) -> Iterable[Card]:
            for card in way.cards:
                yield card
                for inner in card.ways:
                    yield from walk(inner)

        return list(walk(self.trunk))


def load(scenario: Scenario) -> Tree:
    """The draft of a saved scenario."""
    triggers = list(Trigger.objects.filter(scenario=scenario))
    branches = list(Branch.objects.filter(scenario=scenario).order_by("is_default", "position", "pk"))
    steps = list(Step.objects.filter(branch__scenario=scenario).order_by("position", "pk"))
    fetch_related(steps, skip=("branch",))
    owned = {branch.conditions_id for branch in branches} | {trigger.conditions_id for trigger in triggers}
    groups = load_groups(pk for pk in owned if pk)

    ways = {branch.pk: Way(branch, groups.get(branch.conditions_id or 0)) for branch in branches}
    cards = {step.pk: Card(step) for step in steps}
    for step in steps:
        ways[step.branch_id].cards.append(cards[step.pk])
    for branch in branches:
        if branch.fork_id:
            cards[branch.fork_id].ways.append(ways[branch.pk])
    trunk = next(ways[branch.pk] for branch in branches if branch.fork_id is None)
    return Tree([Start(trigger, groups.get(trigger.conditions_id or 0)) for trigger in triggers], trunk)


def load_groups(ids: Iterable[int]) -> dict[int, Group]:
    """Groups with their conditions attached, one level deep, by id."""
    groups = {group.pk: group for group in Group.objects.filter(pk__in=list(ids))}
    members = list(Condition.objects.filter(parent__in=list(groups)).order_by("position", "pk"))
    fetch_related(members, skip=("parent",))
    attached: dict[int | None, list[Condition]] = {}
    for member in members:
        attached.setdefault(member.parent_id, []).append(member)
    for pk, group in groups.items():
        group.attached_members = attached.get(pk, [])  # type: ignore[attr-defined]  # what Group.members looks for
    return groups


def fetch_related(rows: Sequence[models.Model], skip: Sequence[str]) -> None:
    """Loads what the rows' sentences refer to (a segment's name), a query a relation rather than a row."""
    kinds: dict[type[models.Model], list[models.Model]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    for kind, of_kind in kinds.items():
        names = [
            relation.name
            for relation in kind._meta.local_fields
            if relation.remote_field and not relation.remote_field.parent_link and relation.name not in skip
        ]
        models.prefetch_related_objects(of_kind, *names)
