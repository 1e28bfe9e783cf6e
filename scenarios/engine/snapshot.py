"""A scenario's draft as one document and back: the format of releases, later of exported files (semantics §14).

The document holds the rows' own columns, so a rebuilt step is the same class with the same
behaviour. Segments, pools of promo codes and stores are named by slug, levels by name. Format 1:

    {"format": 1, "settings": {…}, "triggers": [{"type", "key", columns…, "conditions"}],
     "steps": [{"type", "key", columns…,
                "branches": [{"key", "label", "is_default", "weight", "conditions", "steps"}]}]}
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from loyalty.models import Level, ProfileForm, PromoPool, Store, Survey
from messaging.buttons import Kind as ButtonKind
from scenarios.models import STEP_TYPES, TRIGGER_TYPES, Branch, Scenario, Step, Trigger, WebhookEndpoint
from scenarios.steps.forking import Way
from segments.models import CONDITION_TYPES, Condition, Group, Segment

FORMAT = 1

STEP_CLASSES = {cls.__name__: cls for cls in STEP_TYPES}
TRIGGER_CLASSES = {cls.__name__: cls for cls in TRIGGER_TYPES}
CONDITION_CLASSES: dict[str, type[Condition]] = {cls.__name__: cls for cls in CONDITION_TYPES} | {"Group": Group}
_TYPES: dict[str, type[models.Model]] = {**STEP_CLASSES, **TRIGGER_CLASSES, **CONDITION_CLASSES}

# What rows refer to by name, so that a document means the same in another installation, and the column of the name.
NAMED: Mapping[type[models.Model], str] = {
    Segment: "slug",
    PromoPool: "slug",
    Store: "slug",
    Level: "name",
    WebhookEndpoint: "slug",
    Survey: "slug",
    ProfileForm: "slug",
    Scenario: "slug",
}

# Columns that place a row in the draft; the document's nesting says the same.
_PLACE = {"id", "polymorphic_ctype", "branch", "position", "scenario", "conditions", "parent"}

SETTINGS = (
    "kind",
    "reentry",
    "reentry_days",
    "parallel",
    "starts_at",
    "ends_at",
    "entry_cap",
    "exit_events",
    "goal_event",
    "goal_filters",
    "goal_days",
    "priority",
    "holdout_share",
    "client_cap",
    "rivals",
    "rival_days",
)

Row = dict[str, Any]
# Rows that a document names, by their class and name.
Named = Mapping[tuple[type[models.Model], str], models.Model]

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
                            "weight": way.weight,
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
        named = NAMED.get(type(value))
        found[field.name] = getattr(value, named) if named else value
    return found


def _unsaved(row: Row, types: Mapping[str, type[models.Model]], named: Named, skip: Collection[str]) -> Any:
    """An unsaved instance of the row's class; columns that the class no longer has are passed over."""
    cls = types[row["type"]]
    values = {}
    for field in cls._meta.concrete_fields:
        if field.name not in row or field.name in skip:
            continue
        value, related = row[field.name], field.related_model
        if related is not None and related in NAMED and value is not None:
            values[field.name] = named[related, value]
        else:
            values[field.name] = field.to_python(value)
    return cls(**values)


def names(document: Any) -> set[tuple[type[models.Model], str]]:
    """Class and name of every row outside the document that it refers to: segments, pools of promo codes …"""
    if isinstance(document, list):
        return set().union(*(names(item) for item in document))
    if not isinstance(document, dict):
        return set()
    kind = document.get("type")
    cls = _TYPES.get(kind) if isinstance(kind, str) else None
    own = {
        (field.related_model, document[field.name])
        for field in (cls._meta.concrete_fields if cls else ())
        if field.related_model in NAMED and isinstance(document.get(field.name), str)
    }
    if cls is None and document.get("kind") == ButtonKind.SEGMENT and isinstance(document.get("segment"), str):
        own.add((Segment, document["segment"]))  # a button of a message
    return own.union(*(names(value) for value in document.values()))  # type: ignore[return-value]  # all are classes


def named_by(document: Any) -> Named:
    """The rows that the document, or a part of one, names; ones that are gone are absent."""
    wanted = names(document)
    return {
        (cls, getattr(row, column)): row
        for cls, column in NAMED.items()
        if (values := [value for model, value in wanted if model is cls])
        for row in cls._default_manager.filter(**{f"{column}__in": values})
    }


def load_step(row: Row, named: Named) -> Step:
    """A step of a document, unsaved."""
    return _unsaved(row, STEP_CLASSES, named, ("branches",))


def load_way(row: Row, named: Named) -> Way:
    """A branch of a document as its step sees it."""
    conditions = None if row["is_default"] else load_conditions(row["conditions"] or {"type": "Group"}, named)
    return Way(row["key"], row["label"], row["is_default"], conditions, row.get("weight", 1))


def load_trigger(row: Row, named: Named) -> Trigger:
    """A trigger of a document with its conditions, unsaved."""
    trigger = _unsaved(row, TRIGGER_CLASSES, named, ("conditions",))
    trigger.attached_conditions = load_conditions(row.get("conditions"), named)
    return trigger


def load_conditions(row: Row | None, named: Named) -> Any:
    """A tree of conditions, unsaved, or None."""
    if row is None:
        return None
    condition = _unsaved(row, CONDITION_CLASSES, named, ("members",))
    if isinstance(condition, Group):
        condition.attached_members = [load_conditions(member, named) for member in row.get("members", [])]
    return condition
