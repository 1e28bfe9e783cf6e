"""Releases: what a new one would change, whom it meets, and going back to an old one (semantics §14)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from django.db import models
from django.db.models import Count
from django.utils.text import capfirst
from django.utils.translation import gettext as t

from scenarios.engine import snapshot
from scenarios.engine.snapshot import Named, Row
from scenarios.models import Release, Scenario, ScenarioRun, Step, Trigger
from scenarios.services import draft

Part = Step | Trigger

# Columns whose change says nothing to a reader.
_SILENT = {"type", "key", "branches", "conditions"}


class Kind(StrEnum):
    """What became of a part."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(slots=True)
class Change:
    """One part that differs; `details` are (column, before, after) in the current language."""

    kind: Kind
    key: str
    sentence: str
    details: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    row: Row
    part: Part
    branch: str
    ways: dict[str, tuple[str, str]] = field(default_factory=dict)  # of a fork: label and conditions by branch


def difference(old: Row, new: Row) -> list[Change]:
    """What the new document says otherwise than the old one: settings first, then the parts in the new order."""
    named = snapshot.named_by({"both": [old, new]})
    before, after = _parts(old, named), _parts(new, named)
    found = []
    if settings := _settings(old["settings"], new["settings"]):
        found.append(Change(Kind.CHANGED, "", t("Settings"), settings))
    for key, part in after.items():
        was = before.get(key)
        if was is None:
            found.append(Change(Kind.ADDED, key, part.part.sentence()))
        elif details := _details(was, part):
            found.append(Change(Kind.CHANGED, key, part.part.sentence(), details))
    found += [Change(Kind.MOVED, key, after[key].part.sentence()) for key in _moved(before, after)]
    found += [Change(Kind.REMOVED, key, was.part.sentence()) for key, was in before.items() if key not in after]
    return found


def _moved(before: Mapping[str, _Found], after: Mapping[str, _Found]) -> list[str]:
    """Parts that are in another branch now, or in another order: as few as explain the new order."""
    moved = [key for key, part in after.items() if key in before and before[key].branch != part.branch]
    for branch in dict.fromkeys(part.branch for part in after.values()):
        was, now = (
            [key for key, part in parts.items() if part.branch == branch and key in others and key not in moved]
            for parts, others in ((before, after), (after, before))
        )
        stayed = {now[place] for match in SequenceMatcher(a=was, b=now, autojunk=False).get_matching_blocks()
                  for place in range(match.b, match.b + match.size)}  # fmt: skip
        moved += [key for key in now if key not in stayed]
    return moved


def _parts(document: Row, named: Named) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for row in document["triggers"]:
        trigger = snapshot.load_trigger(row, named)
        conditions = trigger.filter_group()
        found[row["key"]] = _Found(row, trigger, "triggers", {"": ("", conditions.sentence() if conditions else "")})

    def walk(rows: list[Row], branch: str) -> None:
        for row in rows:
            ways = {way["key"]: (way["label"], _words(way["conditions"], named)) for way in row.get("branches", ())}
            found[row["key"]] = _Found(row, snapshot.load_step(row, named), branch, ways)
            for way in row.get("branches", ()):
                walk(way["steps"], way["key"])

    walk(document["steps"], "")
    return found


def _words(conditions: Row | None, named: Named) -> str:
    return snapshot.load_conditions(conditions, named).sentence() if conditions else ""


def _details(was: _Found, now: _Found) -> list[tuple[str, str, str]]:
    details = []
    if type(was.part) is not type(now.part):
        details.append((t("Type"), str(was.part._meta.verbose_name), str(now.part._meta.verbose_name)))
    for name in [name for name in now.row if name not in _SILENT and was.row.get(name) != now.row[name]]:
        column: Any = now.part._meta.get_field(name)
        details.append((str(capfirst(column.verbose_name)), _shown(was.part, name), _shown(now.part, name)))
    for key in {**was.ways, **now.ways}:
        before, after = was.ways.get(key), now.ways.get(key)
        if before != after:
            label = (after or before or ("", ""))[0]
            name = t("Branch «%(label)s»") % {"label": label} if label else t("Conditions")
            details.append((name, _way(before), _way(after)))
    return details


def _way(way: tuple[str, str] | None) -> str:
    return "" if way is None else way[1] or way[0] or t("Otherwise")


def _shown(part: models.Model, name: str) -> str:
    display = getattr(part, f"get_{name}_display", None)
    value = display() if display else getattr(part, name, "")
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    return "" if value is None else str(value)


def _settings(old: Row, new: Row) -> list[tuple[str, str, str]]:
    before, after = (
        Scenario(**{name: value for name, value in settings.items() if name in snapshot.SETTINGS})
        for settings in (old, new)
    )
    labels: Any = {field.name: field.verbose_name for field in Scenario._meta.concrete_fields}
    return [
        (str(capfirst(labels[name])), _shown(before, name), _shown(after, name))
        for name in snapshot.SETTINGS
        if old.get(name) != new.get(name)
    ]


@dataclass(frozen=True, slots=True)
class Standing:
    """Clients who stand on a step of the release in force; `removed`: the draft has no such step any more."""

    key: str
    sentence: str
    clients: int
    removed: bool
    timer_changed: bool


def standing(scenario: Scenario, document: Row) -> list[Standing]:
    """How many clients stand on each step of the release in force, and what the document does to that step."""
    if scenario.live_release is None:
        return []
    old = scenario.live_release.snapshot
    named = snapshot.named_by({"both": [old, document]})
    before, after = _parts(old, named), _parts(document, named)
    runs = ScenarioRun.objects.filter(scenario=scenario, state=ScenarioRun.State.ACTIVE)
    counts = dict(runs.values_list("step_key").annotate(Count("pk")))
    return [
        Standing(
            key,
            found.part.sentence(),
            counts[key],
            key not in after,
            key in after and bool(_details(found, after[key])),
        )
        for key, found in before.items()
        if isinstance(found.part, Step) and counts.get(key)
    ]


def sentences(document: Row) -> dict[str, str]:
    """The sentences of a document's steps and triggers by key, in the current language."""
    found = _parts(document, snapshot.named_by(document))
    return {key: str(part.part.sentence()) for key, part in found.items()}


def restore_as_draft(release: Release) -> None:
    """Makes the scenario's draft what a release says; nothing is published by it.

    Raises `draft.BadDocument` where the release names what is gone, and `tree.TreeError` for an archived scenario.
    """
    draft.replace(release.scenario, release.snapshot)


def moves(last: Release, document: Row, answers: Mapping[str, str]) -> dict[str, str]:
    """Where runs go from steps that the document no longer has: a kept step, or '' where nothing is left below.

    A step answered with `finish` is absent: a run on it ends. A step that nobody stood on goes on to the next one, for
    those who arrive while the release is being published.
    """
    kept = set(_keys(document["steps"]))
    below = _below(last.snapshot["steps"])
    found = {}
    for key in below:
        if key not in kept and answers.get(key) != "finish":
            following = below[key]
            while following and following not in kept:
                following = below[following]
            found[key] = following
    for key, target in last.moves.items():
        if key not in kept:
            found[key] = target if target in kept or not target else found.get(target, "")
    return found


def _keys(rows: list[Row]) -> list[str]:
    return [
        key
        for row in rows
        for key in (row["key"], *(k for way in row.get("branches", ()) for k in _keys(way["steps"])))
    ]


def _below(rows: list[Row], after: str = "") -> dict[str, str]:
    """For each step the one that follows when it and everything inside it is done; '' at the end."""
    found: dict[str, str] = {}
    for row, following in zip(rows, [*[row["key"] for row in rows[1:]], after], strict=True):
        found[row["key"]] = following
        for way in row.get("branches", ()):
            found |= _below(way["steps"], following)
    return found
