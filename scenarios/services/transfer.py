"""Copies of scenarios: a second one here, or a file for another installation (semantics §14).

A file holds the draft in the format of releases and, under `needs`, what the draft names: segments, pools of promo
codes … Where one is missing at the other end it is made from there, without clients and without codes.
"""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as t

from scenarios.engine import snapshot
from scenarios.engine.snapshot import Row
from scenarios.models import Branch, Scenario
from scenarios.services import tree
from scenarios.services.draft import BadDocument, named_or_refuse, plain_columns, with_new_keys, write

MAX_BYTES = 2_000_000
KIND = "loyalty scenario"


def export(scenario: Scenario) -> str:
    """The draft of a scenario as the text of a JSON file."""
    document = snapshot.dump(scenario)
    needs = [
        {"type": cls.__name__, "slug": slug} | plain_columns(row)
        for (cls, slug), row in sorted(
            snapshot.named_by(document).items(), key=lambda item: (item[0][0].__name__, item[0][1])
        )
    ]
    file = {"kind": KIND, "name": scenario.name, "description": scenario.description, "needs": needs, "draft": document}
    return json.dumps(file, cls=snapshot.encoder, ensure_ascii=False, indent=2)


def read(text: bytes | str) -> Row:
    """The contents of an exported file. Raises `BadDocument`, which says what is wrong with it."""
    if len(text) > MAX_BYTES:
        raise BadDocument([t("The file is larger than %(n)d bytes.") % {"n": MAX_BYTES}])
    try:
        file = json.loads(text)
    except (ValueError, RecursionError):
        raise BadDocument([t("This is not a JSON file.")]) from None
    if not isinstance(file, dict) or file.get("kind") != KIND:
        raise BadDocument([t("This is not an exported scenario.")])
    problems = list(_misshapen(file))
    if problems:
        raise BadDocument(problems)
    return file


def import_file(text: bytes | str, name: str = "") -> Scenario:
    """A new draft from an exported file, with what it needs and this installation lacks. Raises `BadDocument`."""
    file = read(text)
    with transaction.atomic():
        for need in file["needs"]:
            _make_missing(need)
        return _write_new(name or file["name"], file["description"], file["draft"])


def duplicate(scenario: Scenario, name: str) -> Scenario:
    """A copy of the scenario's draft as a draft of its own, with keys of its own."""
    with transaction.atomic():
        return _write_new(name, scenario.description, snapshot.dump(scenario))


def _write_new(name: str, description: str, document: Row) -> Scenario:
    fresh = with_new_keys(document)
    settings = {key: value for key, value in fresh["settings"].items() if key in snapshot.SETTINGS}
    scenario = Scenario(name=name[:200], description=description)
    for key, value in settings.items():
        setattr(scenario, key, _python(Scenario, key, value))
    _refuse_bad(scenario, ())
    tree.create(scenario)
    write(scenario, Branch.objects.get(scenario=scenario, fork=None), fresh, named_or_refuse(fresh))
    return scenario


def _make_missing(need: Row) -> None:
    cls = next((cls for cls in snapshot.NAMED if cls.__name__ == need.get("type")), None)
    if cls is None:
        raise BadDocument([t("Unknown kind of thing needed: «%(type)s».") % {"type": str(need.get("type"))[:100]}])
    if cls._default_manager.filter(**{snapshot.NAMED[cls]: need.get("slug")}).exists():
        return
    values = {}
    for field in cls._meta.concrete_fields:
        own = (field.editable or field.name == "slug") and not field.is_relation and not field.primary_key
        if field.name in need and own:
            values[field.name] = _python(cls, field.name, need[field.name])
    made = cls(**values)
    _refuse_bad(made, ())
    if isinstance(made, Scenario):
        tree.create(made)  # an empty draft: what it says is in a file of its own
    else:
        made.save()


def _python(cls: type[models.Model], name: str, value: Any) -> Any:
    field: Any = cls._meta.get_field(name)
    try:
        return field.to_python(value)
    except ValidationError as error:
        raise BadDocument([f"{cls._meta.verbose_name}: {name}: {' '.join(error.messages)}"]) from None


def _refuse_bad(row: models.Model, exclude: tuple[str, ...]) -> None:
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        kind = row._meta.verbose_name
        raise BadDocument(
            [f"{kind}: {field}: {' '.join(words)}" for field, words in error.message_dict.items()]
        ) from None


def _misshapen(file: Row) -> list[str]:
    """What is wrong with the shape of a file, by the place where it is wrong."""
    found: list[str] = []

    def expect(holds: bool, place: str, what: str) -> bool:
        if not holds:
            found.append(t("%(place)s: %(what)s expected.") % {"place": place, "what": what})
        return holds

    def steps(rows: Any, place: str, depth: int) -> None:
        if not expect(isinstance(rows, list), place, t("a list")) or not expect(depth < 50, place, t("less nesting")):
            return
        for number, row in enumerate(rows):
            here = f"{place}[{number}]"
            if not part(row, here, snapshot.STEP_CLASSES):
                continue
            for index, way in enumerate(row.get("branches", ()) if isinstance(row.get("branches", []), list) else ()):
                there = f"{here}.branches[{index}]"
                if expect(isinstance(way, dict), there, t("an object")):
                    expect(isinstance(way.get("key"), str), f"{there}.key", t("a text"))
                    expect(isinstance(way.get("label"), str), f"{there}.label", t("a text"))
                    expect(isinstance(way.get("is_default"), bool), f"{there}.is_default", t("true or false"))
                    conditions(way.get("conditions"), f"{there}.conditions", 0)
                    steps(way.get("steps"), f"{there}.steps", depth + 1)

    def conditions(row: Any, place: str, depth: int) -> None:
        if row is None or not expect(depth < 50, place, t("less nesting")):
            return
        if part(row, place, snapshot.CONDITION_CLASSES, keyed=False):
            members = row.get("members", [])
            if expect(isinstance(members, list), f"{place}.members", t("a list")):
                for number, member in enumerate(members):
                    conditions(member, f"{place}.members[{number}]", depth + 1)

    def part(row: Any, place: str, types: Any, keyed: bool = True) -> bool:
        if not expect(isinstance(row, dict), place, t("an object")):
            return False
        fine = expect(isinstance(row.get("type"), str) and row["type"] in types, f"{place}.type", t("a known type"))
        return fine and (not keyed or expect(isinstance(row.get("key"), str), f"{place}.key", t("a text")))

    expect(isinstance(file.get("name"), str) and bool(file.get("name")), "name", t("a text"))
    expect(isinstance(file.get("description"), str), "description", t("a text"))
    if expect(isinstance(file.get("needs"), list), "needs", t("a list")):
        for number, need in enumerate(file["needs"]):
            expect(isinstance(need, dict), f"needs[{number}]", t("an object"))
    draft: Any = file.get("draft")
    if expect(isinstance(draft, dict), "draft", t("an object")):
        expect(draft.get("format") == snapshot.FORMAT, "draft.format", str(snapshot.FORMAT))
        expect(isinstance(draft.get("settings"), dict), "draft.settings", t("an object"))
        if expect(isinstance(draft.get("triggers"), list), "draft.triggers", t("a list")):
            for number, row in enumerate(draft["triggers"]):
                if part(row, f"draft.triggers[{number}]", snapshot.TRIGGER_CLASSES):
                    conditions(row.get("conditions"), f"draft.triggers[{number}].conditions", 0)
        steps(draft.get("steps"), "draft.steps", 0)
    return found
