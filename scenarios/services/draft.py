"""Writing a whole draft from a document: for restored releases, copies and imported files (semantics §14)."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as t

from scenarios.engine import snapshot
from scenarios.engine.snapshot import Named, Row
from scenarios.keys import new_key
from scenarios.models import Branch, Scenario, Step, Trigger
from scenarios.services import tree
from segments.models import Condition, Group


class BadDocument(ValueError):
    """A document that cannot become a draft; each problem is a sentence in the current language."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def replace(scenario: Scenario, document: Row) -> None:
    """Makes the scenario's draft say what the document says; keys stay, so runs find their steps.

    Raises `BadDocument` where something it names is gone, and `tree.TreeError` for an archived scenario;
    then nothing has changed.
    """
    named = named_or_refuse(document)
    with transaction.atomic(), tree.editing(scenario.pk) as locked:
        trunk = tree.clear(locked)
        write(locked, trunk, document, named)
        columns: Any = {field.name: field for field in Scenario._meta.concrete_fields}
        for name, value in document["settings"].items():
            if name in snapshot.SETTINGS:
                setattr(locked, name, columns[name].to_python(value))
        locked.save()
    scenario.refresh_from_db()


def write(scenario: Scenario, trunk: Branch, document: Row, named: Named) -> None:
    """Writes a document's triggers and steps into an empty draft, within the caller's transaction.

    A value that its own step or trigger refuses is a `BadDocument` which names the part, the field and the reason.
    """
    for row in document["triggers"]:
        trigger = snapshot.load_trigger(row, named)
        trigger.scenario = scenario
        trigger.conditions = _save_conditions(trigger.filter_group())
        _save(trigger, exclude=("scenario", "conditions"))
    _write_steps(scenario, trunk, document["steps"], named)


def _write_steps(scenario: Scenario, branch: Branch, rows: list[Row], named: Named) -> None:
    for position, row in enumerate(rows):
        step = snapshot.load_step(row, named)
        step.branch, step.position = branch, position
        _save(step, exclude=("branch",))
        for place, way in enumerate(row.get("branches", ())):
            below = Branch.objects.create(
                scenario=scenario,
                fork=step,
                key=way["key"],
                label=way["label"],
                is_default=way["is_default"],
                weight=way.get("weight", 1),
                position=place,
                conditions=_save_conditions(snapshot.load_conditions(way["conditions"], named)),
            )
            _write_steps(scenario, below, way["steps"], named)


def _save_conditions(group: Any, parent: Group | None = None, position: int = 0) -> Any:
    if group is None:
        return None
    group.parent, group.position = parent, position
    _save(group, exclude=("parent",))
    for place, member in enumerate((group.attached_members if isinstance(group, Group) else None) or ()):
        _save_conditions(member, group, place)
    return group


def _save(part: Step | Trigger | Condition, exclude: tuple[str, ...]) -> None:
    try:
        part.full_clean(exclude=[*exclude, "polymorphic_ctype"])
    except ValidationError as error:
        name = part._meta.verbose_name
        raise BadDocument(
            [f"{name}: {field}: {' '.join(words)}" for field, words in error.message_dict.items()]
        ) from None
    part.save()


def named_or_refuse(document: Row) -> Named:
    """The rows that the document names. Raises `BadDocument` for those that do not exist here."""
    named = snapshot.named_by(document)
    missing = sorted(
        (str(cls._meta.verbose_name), slug) for cls, slug in snapshot.names(document) if (cls, slug) not in named
    )
    if missing:
        raise BadDocument(
            [t("There is no %(kind)s «%(slug)s» here.") % {"kind": kind, "slug": slug} for kind, slug in missing]
        )
    return named


def with_new_keys(document: Row) -> Row:
    """The document under keys of its own: a copy shares neither A/B shares nor log lines with the original."""
    plain = json.loads(json.dumps(document, cls=snapshot.encoder))
    fresh = {key: new_key() for key in keys_of(plain)}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {fresh.get(name, name): renamed(below) for name, below in value.items()}
        if isinstance(value, list):
            return [renamed(below) for below in value]
        # Columns that refer to another step hold its key.
        return fresh.get(value, value) if isinstance(value, str) else value

    return renamed(plain)


def keys_of(document: Row) -> set[str]:
    """The keys of the triggers, steps and branches of a document."""
    found: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("key"), str) and value["key"]:
                found.add(value["key"])
            for below in value.values():
                collect(below)
        elif isinstance(value, list):
            for below in value:
                collect(below)

    collect([document["triggers"], document["steps"]])
    return found


def plain_columns(row: models.Model) -> Row:
    """The columns of a row that mean the same elsewhere: no ids, no relations."""
    return {
        field.name: getattr(row, field.name)
        for field in row._meta.concrete_fields
        if not field.primary_key and not field.is_relation and field.editable
    }
