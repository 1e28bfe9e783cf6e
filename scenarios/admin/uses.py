"""Which scenarios use a segment: for its page and for the list of segments (`SEGMENT_USES`)."""

from collections.abc import Collection

from django.db import connection
from django.urls import reverse

from scenarios.models import STEP_TYPES, TRIGGER_TYPES, Branch, LandingPage, Scenario, SendMessage, Step, Trigger
from segments.admin.uses import Use
from segments.models import Segment

# Below: the trees of conditions that name a segment, by their outermost group.
_ROOTS = """WITH RECURSIVE node AS (
     SELECT i.segment_id AS named, c.id, c.parent_id
     FROM segments_insegment i JOIN segments_condition c ON c.id = i.condition_ptr_id WHERE i.segment_id = ANY(%s)
     UNION SELECT node.named, c.id, c.parent_id FROM node JOIN segments_condition c ON c.id = node.parent_id)
   SELECT named, id FROM node WHERE parent_id IS NULL"""

_RELEASED = """SELECT s.id, live.scenario_id FROM segments_segment s JOIN (
     SELECT DISTINCT r.scenario_id, jsonb_path_query(r.snapshot, '$.**.segment') #>> '{}' AS slug
     FROM scenarios_scenario sc JOIN scenarios_release r ON r.id = sc.live_release_id
     WHERE sc.status <> 'archived') AS live USING (slug)
   WHERE s.id = ANY(%s)"""


def of_segments(ids: Collection[int]) -> list[tuple[int, Use]]:
    """The scenarios whose draft or release in force names one of the segments; archived ones are passed over."""
    pairs: set[tuple[int, int]] = set()
    for kind, scenario in ((Step, "branch__scenario"), (Trigger, "scenario")):
        for one in STEP_TYPES if kind is Step else TRIGGER_TYPES:
            for field in one._meta.local_fields:
                if field.related_model is Segment:
                    rows = one._base_manager.filter(**{f"{field.name}__in": ids})
                    pairs.update(rows.values_list(field.name, scenario))
    slugs = dict(Segment.objects.filter(pk__in=ids).values_list("slug", "pk"))
    for said, scenario in SendMessage.objects.exclude(buttons=[]).values_list("buttons", "branch__scenario"):
        pairs.update((slugs[row["segment"]], scenario) for row in said if row.get("segment") in slugs)
    with connection.cursor() as cursor:
        cursor.execute(_ROOTS, [list(ids)])
        trees = cursor.fetchall()
        cursor.execute(_RELEASED, [list(ids)])
        pairs.update(cursor.fetchall())
    roots = [root for _named, root in trees]
    owners: dict[int, int] = dict(Branch.objects.filter(conditions__in=roots).values_list("conditions", "scenario"))
    owners |= dict(Trigger.objects.non_polymorphic().filter(conditions__in=roots).values_list("conditions", "scenario"))
    pairs.update((named, owners[root]) for named, root in trees if root in owners)
    rows = Scenario.objects.filter(pk__in={scenario for _named, scenario in pairs})
    names = dict(rows.exclude(status=Scenario.Status.ARCHIVED).values_list("pk", "name"))
    pages = LandingPage.objects.filter(segment__in=ids).values_list("segment", "name", "pk")
    return [
        *((named, Use(name, reverse("admin:scenarios_landingpage_change", args=[pk]))) for named, name, pk in pages),
        *(
            (named, Use(names[pk], reverse("admin:scenarios_scenario_change", args=[pk])))
            for named, pk in pairs
            if pk in names
        ),
    ]
