"""A release as the engine walks it: every step with where it leads."""

from dataclasses import dataclass, field
from functools import lru_cache

from scenarios.engine import snapshot
from scenarios.engine.snapshot import Row
from scenarios.models import Forking, Release, Step, Trigger


@dataclass(slots=True)
class Node:
    """A step, the step below it, and where its branches start (None: the flow ends there)."""

    step: Step
    below: str | None
    branches: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Flow:
    """A published release, rebuilt. `first` is None for a scenario without steps."""

    release_id: int
    number: int
    first: str | None
    nodes: dict[str, Node]
    triggers: list[Trigger]
    settings: dict[str, object]
    # From removed steps to where their runs go on; '' where they are done.
    moves: dict[str, str] = field(default_factory=dict)
    # Names of events that runs wait for, with the keys of the steps on which they do.
    awaited: dict[str, list[str]] = field(default_factory=dict)

    @property
    def locks_clients(self) -> bool:
        """Whether a batch of its runs locks its clients before anything else."""
        return any(node.step.locks_clients for node in self.nodes.values())


def build(release: Release) -> Flow:
    """Rebuilds a release's steps and triggers. Raises KeyError where something it names is gone."""
    document = release.snapshot
    named = snapshot.named_by(document)
    nodes: dict[str, Node] = {}

    def walk(rows: list[Row], after: str | None) -> str | None:
        """Adds a sequence that continues at `after`; returns the key it starts with."""
        keys = [row["key"] for row in rows]
        for row, below in zip(rows, [*keys[1:], after], strict=False):
            step = snapshot.load_step(row, named)
            node = nodes[row["key"]] = Node(step, below)
            if isinstance(step, Forking):
                step.attached_ways = [snapshot.load_way(way, named) for way in row["branches"]]
                for way in row["branches"]:
                    # After a branch ends, the flow goes on below the fork (semantics §13).
                    node.branches[way["key"]] = walk(way["steps"], below)
        return keys[0] if keys else after

    first = walk(document["steps"], None)
    triggers = [snapshot.load_trigger(row, named) for row in document["triggers"]]
    awaited: dict[str, list[str]] = {}
    for key, node in nodes.items():
        for name in node.step.awaits():
            awaited.setdefault(name, []).append(key)
    return Flow(release.pk, release.number, first, nodes, triggers, document["settings"], release.moves, awaited)


@lru_cache(maxsize=500)
def flow(release_id: int) -> Flow:
    """The flow of a release, kept in the process: releases never change."""
    return build(Release.objects.get(pk=release_id))
