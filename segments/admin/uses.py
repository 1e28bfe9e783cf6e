"""Who uses a segment: the rules of others, and what the rooms above tell (`SEGMENT_USES`)."""

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils.module_loading import import_string

from segments.models import Segment


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A page that names the segment."""

    name: str
    url: str


def uses(ids: Collection[int]) -> dict[int, list[Use]]:
    """For each of the segments the pages that name it, by name; so many queries however many segments."""
    found: dict[int, set[Use]] = {pk: set() for pk in ids}
    for one in (_rules, *(import_string(path) for path in settings.SEGMENT_USES)):
        for pk, use in one(ids):
            found[pk].add(use)
    return {pk: sorted(pages) for pk, pages in found.items()}


def _rules(ids: Collection[int]) -> list[tuple[int, Use]]:
    """Segments whose rule, or the draft of it, names one of these."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE node AS (
                 SELECT i.segment_id AS named, c.id, c.parent_id
                 FROM segments_insegment i JOIN segments_condition c ON c.id = i.condition_ptr_id
                 WHERE i.segment_id = ANY(%s)
                 UNION
                 SELECT node.named, c.id, c.parent_id FROM node JOIN segments_condition c ON c.id = node.parent_id)
               SELECT DISTINCT node.named, s.id FROM node
               JOIN segments_segment s ON node.id IN (s.rule_id, s.draft_id) WHERE node.parent_id IS NULL""",
            [list(ids)],
        )
        pairs = cursor.fetchall()
    names = dict(Segment.objects.filter(pk__in=[user for _named, user in pairs]).values_list("pk", "name"))
    return [
        (named, Use(names[user], reverse("admin:segments_segment_change", args=[user])))
        for named, user in pairs
        if named != user
    ]
