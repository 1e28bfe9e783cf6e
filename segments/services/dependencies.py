"""Segments whose rules name other segments: in which order they are computed, and that none leads back to itself."""

from graphlib import CycleError, TopologicalSorter

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as t

from segments.models import Condition, InSegment, Segment
from segments.services import rules

Graph = dict[int, set[int]]


def graph() -> Graph:
    """For every dynamic segment the segments that its rule names; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE node AS (
                 SELECT id AS segment_id, rule_id AS id FROM segments_segment WHERE rule_id IS NOT NULL
                 UNION ALL
                 SELECT node.segment_id, c.id FROM segments_condition c JOIN node ON c.parent_id = node.id)
               SELECT DISTINCT node.segment_id, i.segment_id FROM node
               LEFT JOIN segments_insegment i ON i.condition_ptr_id = node.id"""
        )
        found: Graph = {}
        for segment_id, named in cursor.fetchall():
            found.setdefault(segment_id, set()).update(() if named is None else (named,))
        return found


def in_order(needs: Graph) -> list[int]:
    """The dynamic segments of a graph, each after those that its rule names."""
    return [segment_id for segment_id in TopologicalSorter(needs).static_order() if segment_id in needs]


def refuse_cycle(segment: Segment, rule: Condition) -> None:
    """Raises ValidationError where `rule`, as that of `segment`, would lead back to it; says the path: A → B → A."""
    if segment._state.adding:
        return
    named = {row.segment_id for row in rules.walk(rule) if isinstance(row, InSegment)}
    try:
        TopologicalSorter(graph() | {segment.pk: named}).prepare()
    except CycleError as error:
        # In the order of computing, the first again at the end; a reader expects "A is made of B".
        cycle: list[int] = error.args[1][:0:-1]
        start = cycle.index(segment.pk)
        path = [*cycle[start:], *cycle[:start], segment.pk]
        names = dict(Segment.objects.filter(pk__in=path).values_list("pk", "name")) | {segment.pk: segment.name}
        words = " → ".join(names[pk] for pk in path)
        raise ValidationError(
            {"rule": t("The rule leads back to the segment itself: %(path)s.") % {"path": words}}
        ) from None
