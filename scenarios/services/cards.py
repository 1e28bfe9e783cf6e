"""A scenario's draft as a tree of cards, for drawing. Reads a bounded number of queries: one or two for
every type of step, trigger and condition in use, however many cards there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as t

from scenarios.models import Branch, Scenario, Step, Trigger
from scenarios.steps.forking import Forking, way_of
from segments.models import Group
from segments.services import rules


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
    # The step whose branch this is; None: the trunk.
    fork: Step | None = None

    def title(self) -> str:
        """What the branch's header says."""
        if not isinstance(self.fork, Forking):
            return t("main line")
        return self.fork.way_title(way_of(self.branch), self.condition())

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
    rules.fetch_related(steps, skip=("branch",))
    owned = {branch.conditions_id for branch in branches} | {trigger.conditions_id for trigger in triggers}
    groups = rules.load(pk for pk in owned if pk)

    ways = {branch.pk: Way(branch, groups.get(branch.conditions_id or 0)) for branch in branches}
    cards = {step.pk: Card(step) for step in steps}
    for step in steps:
        ways[step.branch_id].cards.append(cards[step.pk])
    for branch in branches:
        if branch.fork_id:
            cards[branch.fork_id].ways.append(ways[branch.pk])
            ways[branch.pk].fork = cards[branch.fork_id].step
    trunk = next(ways[branch.pk] for branch in branches if branch.fork_id is None)
    return Tree([Start(trigger, groups.get(trigger.conditions_id or 0)) for trigger in triggers], trunk)
