"""A scenario's draft as one document and back: the format of releases, later of exported files (semantics §14).

The document holds the rows' own columns, so a rebuilt step is the same class with the same
behaviour. Segments are named by slug. Format 1:

    {"format": 1, "settings": {…}, "triggers": [{"type", "key", columns…, "conditions"}],
     "steps": [{"type", "key", columns…, "branches": [{"key", "label", "is_default", "conditions", "steps"}]}]}
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from scenarios.models import STEP_TYPES, TRIGGER_TYPES, Branch, Scenario, Step, Trigger
from segments.models import CONDITION_TYPES, Condition, Group, Segment

FORMAT = 1

_STEPS = {cls.__name__: cls for cls in STEP_TYPES}
_TRIGGERS = {cls.__name__: cls for cls in TRIGGER_TYPES}
_CONDITIONS: dict[str, type[Condition]] = {cls.__name__: cls for cls in CONDITION_TYPES} | {"Group": Group}

# Columns that place a row in the draft; the document's nesting says the same.
_PLACE = {"id", "polymorphic_ctype", "branch", "position", "scenario", "conditions", "parent"}

SETTINGS = ("reentry", "reentry_days", "parallel", "starts_at", "ends_at", "entry_cap", "exit_events", "priority")

Row = dict[str, Any]

encoder = DjangoJSONEncoder


def dump(scenario: Scenario) -> Row:
    """The draft of a scenario as a document."""
    steps: dict[int, list[Step]] = {}
    for step in Step.objects.filter(branch__scenario=scenario).order_by("position", "pk"):
        steps.setdefault(step.branch_id, []).append(step)
    branches: dict[int | None, list[Branch]] = {}
    for branch in Branch.objects.filter(scenario=scenario).order_by("is_default", "position", "pk"):
        branches.setdefault(branch.fork_id, []).append(branch)

    def dump_branch(branch: Branch) -> list[Row]:
        return [
            _columns(step)
            | (
                {
                    "branches": [
                        {
                            "key": way.key,
                            "label": way.label,
                            "is_default": way.is_default,
                            "conditions": dump_conditions(way.conditions),
                            "steps": dump_branch(way),
                        }
                        for way in branches.get(step.pk, [])
                    ]
                }
                if step.forks
                else {}
            )
            for step in steps.get(branch.pk, [])
        ]

    trunk = branches.get(None)
    return {
        "format": FORMAT,
        "settings": {name: getattr(scenario, name) for name in SETTINGS},
        "triggers": [
            _columns(trigger) | {"conditions": dump_conditions(trigger.conditions)}
            for trigger in Trigger.objects.filter(scenario=scenario)
        ],
        "steps": dump_branch(trunk[0]) if trunk else [],
    }


def dump_conditions(condition: Condition | None) -> Row | None:
    """A tree of conditions as a document."""
    if condition is None:
        return None
    row = _columns(condition.get_real_instance())
    if row["type"] == "Group":
        row["members"] = [dump_conditions(member) for member in condition.children.all()]  # type: ignore[attr-defined]
    return row


def _columns(row: models.Model) -> Row:
    found: Row = {"type": type(row).__name__}
    for field in row._meta.concrete_fields:
        if field.name in _PLACE or (field.remote_field and getattr(field.remote_field, "parent_link", False)):
            continue
        value = getattr(row, field.name)
        found[field.name] = value.slug if isinstance(value, Segment) else value
    return found


def _unsaved(
    row: Row, types: Mapping[str, type[models.Model]], segments: dict[str, Segment], skip: Collection[str]
) -> Any:
    """An unsaved instance of the row's class; columns that the class no longer has are passed over."""
    cls = types[row["type"]]
    values = {}
    for field in cls._meta.concrete_fields:
        if field.name not in row or field.name in skip:
            continue
        value = row[field.name]
        related = field.related_model
        values[field.name] = segments[value] if related is Segment and value is not None else field.to_python(value)
    return cls(**values)


def slugs(document: Any) -> set[str]:
    """Slugs of every segment that the document names."""
    if isinstance(document, list):
        return set().union(*(slugs(item) for item in document))
    if isinstance(document, dict):
        own = {document["segment"]} if isinstance(document.get("segment"), str) else set()
        return own.union(*(slugs(value) for value in document.values()))
    return set()


def segments_of(document: Row) -> dict[str, Segment]:
    """The segments that the document names, by slug; ones that are gone are absent."""
    return {segment.slug: segment for segment in Segment.objects.filter(slug__in=slugs(document))}


def load_step(row: Row, segments: dict[str, Segment]) -> Step:
    """A step of a document, unsaved."""
    return _unsaved(row, _STEPS, segments, ("branches",))


def load_trigger(row: Row, segments: dict[str, Segment]) -> Trigger:
    """A trigger of a document with its conditions, unsaved."""
    trigger = _unsaved(row, _TRIGGERS, segments, ("conditions",))
    trigger.attached_conditions = load_conditions(row.get("conditions"), segments)
    return trigger


def load_conditions(row: Row | None, segments: dict[str, Segment]) -> Any:
    """A tree of conditions, unsaved, or None."""
    if row is None:
        return None
    condition = _unsaved(row, _CONDITIONS, segments, ("members",))
    if isinstance(condition, Group):
        condition.attached_members = [load_conditions(member, segments) for member in row.get("members", [])]
    return condition
