"""Copies of scenarios: a second one here, or a file for another installation (semantics §14).

A file holds the draft in the format of releases and, under `needs`, what the draft names: segments with their rules,
surveys with their questions, pools of promo codes … Where one is missing at the other end it is made from there,
without clients, codes or secrets. Another scenario is named by its short name: where it is missing, an empty draft
keeps its place until its own file comes.
"""

import json
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as t

from loyalty.models import ProfileForm, ProfileQuestion, Survey, SurveyQuestion
from scenarios.engine import snapshot
from scenarios.engine.snapshot import Row
from scenarios.models import Branch, Scenario, Step, Trigger
from scenarios.services import tree
from scenarios.services.draft import BadDocument, keys_of, named_or_refuse, plain_columns, with_new_keys, write
from segments.models import Segment
from segments.services import definition

MAX_BYTES = 2_000_000
KIND = "loyalty scenario"


def export(scenario: Scenario) -> str:
    """The draft of a scenario as the text of a JSON file."""
    document = snapshot.dump(scenario)
    needs = [
        {"type": cls.__name__, "slug": slug} | plain_columns(row) | _inside(row)
        for (cls, slug), row in sorted(_needed(document).items(), key=lambda item: (item[0][0].__name__, item[0][1]))
    ]
    said = {"name": scenario.name, "slug": scenario.slug, "description": scenario.description}
    file = {"kind": KIND} | said | {"needs": needs, "draft": document}
    return json.dumps(file, cls=snapshot.encoder, ensure_ascii=False, indent=2)


def _needed(document: Row) -> dict[tuple[type[models.Model], str], models.Model]:
    """What the document names, and what the rules of the segments among it name in turn."""
    found: dict[tuple[type[models.Model], str], models.Model] = {}
    named = dict(snapshot.named_by(document))
    while named:
        found |= named
        below = snapshot.named_by([_inside(row) for row in named.values()])
        named = {key: row for key, row in below.items() if key not in found}
    return found


def _inside(row: models.Model) -> Row:
    """What belongs to a row and stands in tables of its own."""
    if isinstance(row, Segment) and row.rule is not None:
        return {"rule": snapshot.dump_conditions(row.rule)}
    if isinstance(row, Survey | ProfileForm):
        return {"questions": [plain_columns(question) for question in row.questions.all()]}
    return {}


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


def import_file(text: bytes | str, now: datetime, name: str = "") -> Scenario:
    """A new draft from an exported file, with what it needs and this installation lacks. Raises `BadDocument`.

    Steps keep their keys and the scenario its short name where they are free here, so that other files which name them
    still do. Segments with a rule are computed as of `now` (UTC).
    """
    file = read(text)
    with transaction.atomic():
        made = [(row, need) for need in file["needs"] if (row := _make_missing(need)) is not None]
        for row, need in made:
            _fill(row, need, now)
        return _write_new(name or file["name"], file["description"], file["draft"], file.get("slug") or "")


def duplicate(scenario: Scenario, name: str) -> Scenario:
    """A copy of the scenario's draft as a draft of its own, with keys of its own."""
    with transaction.atomic():
        return _write_new(name, scenario.description, snapshot.dump(scenario))


def _write_new(name: str, description: str, document: Row, slug: str = "") -> Scenario:
    fresh = document if slug and not _taken(document) else with_new_keys(document)
    settings = {key: value for key, value in fresh["settings"].items() if key in snapshot.SETTINGS}
    known = Scenario.objects.filter(slug=slug).first() if slug else None
    if known is not None and _is_placeholder(known):
        scenario = known
    else:
        scenario = Scenario(slug=slug) if slug and known is None else Scenario()
    scenario.name, scenario.description = name[:200], description
    for key, value in settings.items():
        setattr(scenario, key, _python(Scenario, key, value))
    _refuse_bad(scenario, ())
    if scenario._state.adding:
        tree.create(scenario)
    else:
        scenario.save()
    write(scenario, Branch.objects.get(scenario=scenario, fork=None), fresh, named_or_refuse(fresh))
    return scenario


def _taken(document: Row) -> bool:
    """Whether a key of the document is in use here."""
    keys = keys_of(document)
    return any(kind.objects.filter(key__in=keys).exists() for kind in (Step, Trigger, Branch))


def _is_placeholder(scenario: Scenario) -> bool:
    """Whether the scenario is but the name that another file left here."""
    bare = scenario.status == Scenario.Status.DRAFT and not scenario.releases.exists()
    written = Step.objects.filter(branch__scenario=scenario).exists() or scenario.triggers.exists()
    return bare and not written


def _make_missing(need: Row) -> models.Model | None:
    """The row that a file needs, made where this installation lacks it; a segment with a rule is saved by `_fill`."""
    cls = next((cls for cls in snapshot.NAMED if cls.__name__ == need.get("type")), None)
    if cls is None:
        raise BadDocument([t("Unknown kind of thing needed: «%(type)s».") % {"type": str(need.get("type"))[:100]}])
    if cls._default_manager.filter(**{snapshot.NAMED[cls]: need.get("slug")}).exists():
        return None
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
    return made


def _fill(made: models.Model, need: Row, now: datetime) -> None:
    """Gives a new row what belongs to it, once everything is there that this may name."""
    if isinstance(made, Survey | ProfileForm):
        kind, owner = (SurveyQuestion, "survey") if isinstance(made, Survey) else (ProfileQuestion, "form")
        for row in need.get("questions", ()):
            columns = [field.name for field in kind._meta.concrete_fields if field.name in row]
            question = kind(**{owner: made}, **{name: _python(kind, name, row[name]) for name in columns})
            _refuse_bad(question, ())
            question.save()
    if isinstance(made, Segment) and made.is_dynamic and need.get("rule"):
        rule = need["rule"]
        try:
            definition.define(made, snapshot.load_conditions(rule, named_or_refuse(rule)), now)
        except ValidationError as error:
            raise BadDocument([f"{made}: {' '.join(error.messages)}"]) from None


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

    def insides(need: Row, place: str) -> None:
        conditions(need.get("rule"), f"{place}.rule", 0)
        if isinstance(need.get("rule"), dict):
            expect(need["rule"].get("type") == "Group", f"{place}.rule.type", "Group")
        questions = need.get("questions", [])
        if expect(isinstance(questions, list), f"{place}.questions", t("a list")):
            for number, row in enumerate(questions):
                expect(isinstance(row, dict), f"{place}.questions[{number}]", t("an object"))

    expect(isinstance(file.get("name"), str) and bool(file.get("name")), "name", t("a text"))
    expect(isinstance(file.get("slug", ""), str), "slug", t("a text"))
    expect(isinstance(file.get("description"), str), "description", t("a text"))
    if expect(isinstance(file.get("needs"), list), "needs", t("a list")):
        for number, need in enumerate(file["needs"]):
            if expect(isinstance(need, dict), f"needs[{number}]", t("an object")):
                insides(need, f"needs[{number}]")
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
