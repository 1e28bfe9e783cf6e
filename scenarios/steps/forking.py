"""What every step that splits the way has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from scenarios.steps.base import Step
from segments.models import Group


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a fork, of the draft or of a release. Only an If's ways have conditions, only a split's a weight."""

    key: str
    label: str = ""
    is_default: bool = False
    conditions: Group | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class NewWay:
    """A way that a new step of this type begins with."""

    label: str | Promise = ""
    is_default: bool = False


class Forking(Step):
    """A step with branches. After a branch ends, the flow goes on below the step (semantics §13)."""

    forks = True
    open_ended = True
    # Whether a branch of this step has a share of its own.
    ways_have_weights = False
    # The ways of a release, in place of rows.
    attached_ways: Sequence[Way] | None = None

    class Meta:
        abstract = True

    @classmethod
    def new_ways(cls) -> Sequence[NewWay]:
        """The branches that a new step begins with; of a default one there is one at most, the last."""
        return (NewWay(), NewWay(is_default=True))

    def ways(self) -> Sequence[Way]:
        """Every way in order, the default one last."""
        if self.attached_ways is not None:
            return self.attached_ways
        branches = sorted(self.branches.all(), key=lambda branch: (branch.is_default, branch.position, branch.pk))
        return [way_of(branch, branch.conditions) for branch in branches]

    def way_title(self, way: Way, condition: str) -> str:
        """What the header of a branch says; `condition`: its conditions in words, empty where it has none."""
        raise TypeError(f"{type(self).__name__} names no ways")

    def way_problems(self, ways: Sequence[Way]) -> list[str]:
        """What of the branches, beside their conditions, forbids publishing, in the current language."""
        return []


def way_of(branch: Any, conditions: Group | None = None) -> Way:
    """A branch of the draft as its step sees it."""
    return Way(branch.key, branch.label, branch.is_default, conditions, branch.weight)
