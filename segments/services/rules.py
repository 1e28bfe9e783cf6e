"""Trees of conditions as rows: loading them whole, copying and deleting them."""

from collections.abc import Collection, Iterable, Sequence

from django.db import connection
from django.db.models import Model, prefetch_related_objects

from segments.models import Condition, Group

# What places a condition in a tree; everything else is what it says.
_PLACE = {"id", "polymorphic_ctype", "parent", "position"}


def load(ids: Iterable[int]) -> dict[int, Group]:
    """Groups by id with everything below attached, however deep: so many queries as there are types of conditions."""
    roots = list(ids)
    if not roots:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE node AS (
                 SELECT id, parent_id FROM segments_condition WHERE id = ANY(%s)
                 UNION SELECT c.id, c.parent_id FROM segments_condition c JOIN node ON c.parent_id = node.id)
               SELECT id FROM node""",
            [roots],
        )
        every = [pk for (pk,) in cursor.fetchall()]
    rows = list(Condition.objects.filter(pk__in=every).order_by("position", "pk"))
    fetch_related(rows, _PLACE)
    groups = {row.pk: row for row in rows if isinstance(row, Group)}
    for group in groups.values():
        group.attached_members = []
    for row in rows:
        if row.parent_id in groups and row.pk not in roots:
            groups[row.parent_id].attached_members.append(row)  # type: ignore[union-attr]  # a list since above
    return {pk: groups[pk] for pk in roots if pk in groups}


def fetch_related(rows: Sequence[Model], skip: Collection[str]) -> None:
    """Loads what the rows' sentences refer to (a segment's name), a query a relation rather than a row."""
    kinds: dict[type[Model], list[Model]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    for kind, of_kind in kinds.items():
        related = [
            f for f in kind._meta.local_fields if f.remote_field and not getattr(f.remote_field, "parent_link", 0)
        ]
        prefetch_related_objects(of_kind, *(f.name for f in related if f.name not in skip))


def store(rule: Condition, parent: Group | None = None, position: int = 0) -> Condition:
    """Saves a copy of a tree, itself saved or not, as new rows; returns the copy's root."""
    real = _real(rule)
    said = {
        field.name: getattr(real, field.name)
        for field in real._meta.concrete_fields
        if not field.primary_key and field.name not in _PLACE
    }
    copy: Condition = type(real).objects.create(**said, parent=parent, position=position)
    if isinstance(real, Group) and isinstance(copy, Group):
        for place, member in enumerate(real.members()):
            store(member, copy, place)
    return copy


def discard(*ids: int | None) -> None:
    """Deletes trees that nobody refers to any more; None is passed over."""
    Condition.objects.filter(pk__in=[pk for pk in ids if pk is not None]).delete()


def walk(rule: Condition) -> Iterable[Condition]:
    """Every condition of a tree, saved or not, the root first."""
    real = _real(rule)
    yield real
    if isinstance(real, Group):
        for member in real.members():
            yield from walk(member)


def _real(rule: Condition) -> Condition:
    return rule.get_real_instance() if rule.pk else rule
