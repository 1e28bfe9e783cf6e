"""Editing a tree of conditions, a verb at a time (semantics §43).

A tree is its root group with everything below attached (`rules.load`). The verbs expect that the caller holds whoever
owns the tree, so that two editors never interleave, and leave positions dense: 0, 1, 2 … What they refuse is a
`RuleError`, in words for the editor; then nothing has changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as t
from django.utils.translation import ngettext

from segments.models import Condition, Group
from segments.services import rules

# Groups inside groups, the outermost counted: deeper ones nobody reads.
MAX_DEPTH = 5
# Conditions and inner groups of one tree.
MAX_SIZE = 100


class RuleError(Exception):
    """The conditions cannot be changed like that; nothing was."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a condition stands in a loaded tree."""

    condition: Condition
    group: Group
    position: int
    depth: int  # of its group: the outermost is 1


def places(root: Group, depth: int = 1) -> Iterator[Place]:
    """Every condition below the root of a loaded tree, in reading order."""
    for position, member in enumerate(root.members()):
        yield Place(member, root, position, depth)
        if isinstance(member, Group):
            yield from places(member, depth + 1)


def size(root: Group) -> int:
    """How many conditions and groups are below the root."""
    return sum(1 for _place in places(root))


def find(root: Group, condition_id: int) -> Place:
    """Where a condition of the tree stands. Raises RuleError where the tree has no such condition."""
    for place in places(root):
        if place.condition.pk == condition_id:
            return place
    raise RuleError(t("This condition no longer exists."))


def find_group(root: Group, group_id: int) -> tuple[Group, int]:
    """A group of the tree, or its root, and its depth. Raises RuleError where the tree has no such group."""
    if group_id == root.pk:
        return root, 1
    place = find(root, group_id)
    if not isinstance(place.condition, Group):
        raise RuleError(t("Conditions are added to a group."))
    return place.condition, place.depth + 1


def root_id(condition: Condition) -> int:
    """The id of the outermost group above a condition, or its own where it is that group."""
    found, above = condition.pk, condition.parent_id
    while above is not None:
        found = above
        above = Condition.objects.non_polymorphic().filter(pk=above).values_list("parent_id", flat=True).first()
    return found


def add(root: Group, group_id: int, condition: Condition) -> Condition:
    """Saves a new condition or empty group, last in a group of the tree."""
    group, depth = find_group(root, group_id)
    if isinstance(condition, Group):
        _check_depth(depth + 1)
    if size(root) >= MAX_SIZE:
        words = ngettext(
            "More than %(n)d condition is not kept: divide it into segments.",
            "More than %(n)d conditions are not kept: divide them into segments.",
            MAX_SIZE,
        )
        raise RuleError(words % {"n": MAX_SIZE})
    members = _members(group)
    condition.parent, condition.position = group, len(members)
    condition.save()
    _order(group, [*members, condition])
    return condition


def set_mode(root: Group, group_id: int, mode: str) -> Group:
    """Says when a group holds. Raises RuleError for a mode that is none."""
    group, _depth = find_group(root, group_id)
    if mode not in Group.Mode.values:
        raise RuleError(t("There is no such mode."))
    group.mode = mode
    group.save(update_fields=["mode"])
    return group


def delete(root: Group, condition_id: int) -> Condition:
    """Deletes a condition, or a group with all that is below it; returns what it was."""
    place = find(root, condition_id)
    rules.discard(condition_id)
    _order(place.group, [member for member in _members(place.group) if member.pk != condition_id])
    return place.condition


def shift(root: Group, condition_id: int, by: int) -> Place:
    """Moves a condition one place up (`by` < 0) or down, as the eye reads: past a condition, into a group that is
    there, out of its own group at that group's end. Returns where it stands then."""
    place = find(root, condition_id)
    siblings = _members(place.group)
    there = place.position + (1 if by > 0 else -1)
    if 0 <= there < len(siblings):
        neighbour = siblings[there]
        if isinstance(neighbour, Group):
            return _move(root, place, neighbour, 0 if by > 0 else len(_members(neighbour)))
        return _move(root, place, place.group, there)
    if place.group.pk == root.pk:
        raise RuleError(t("It is the last one already.") if by > 0 else t("It is the first one already."))
    outer = find(root, place.group.pk)
    return _move(root, place, outer.group, outer.position + (1 if by > 0 else 0))


def _move(root: Group, place: Place, group: Group, position: int) -> Place:
    _found, depth = find_group(root, group.pk)
    _check_depth(depth + _height(place.condition))
    condition = place.condition
    left = [member for member in _members(place.group) if member.pk != condition.pk]
    target = left if group.pk == place.group.pk else _members(group)
    if group.pk != place.group.pk:
        condition.parent = group
        condition.save(update_fields=["parent"])
        _order(place.group, left)
    _order(group, [*target[:position], condition, *target[position:]])
    return Place(condition, group, position, depth)


def _height(condition: Condition) -> int:
    """How many groups deep a condition is itself: 0 for one that is no group."""
    if not isinstance(condition, Group):
        return 0
    return 1 + max((_height(member) for member in condition.members()), default=0)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise RuleError(t("Groups are nested at most %(n)d deep.") % {"n": MAX_DEPTH})


def _members(group: Group) -> list[Condition]:
    return list(group.members())


def _order(group: Group, members: list[Condition]) -> None:
    """Makes positions dense, in the rows and in the loaded tree."""
    group.attached_members = members
    for position, member in enumerate(members):
        if member.position != position:
            member.position = position
            member.save(update_fields=["position"])
