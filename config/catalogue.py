"""The catalogue of translations: strings are found in our code and templates, English is the source.

Babel does the work, so that no gettext binaries are needed. The admin theme's own strings belong to
the catalogue too: the theme brings no Russian of its own.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import unfold
from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from config.env import ROOT

LOCALE = ROOT / "config" / "locale"
OURS = ("config", "loyalty", "segments", "messaging", "scenarios")

# Names under which the code calls gettext.
_KEYWORDS = {
    "_": None,
    "t": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}

Place = tuple[str, int]


def path(language: str, suffix: str = "po") -> Path:
    """The catalogue's file of a language."""
    return LOCALE / language / "LC_MESSAGES" / f"django.{suffix}"


def _files() -> Iterator[tuple[Path, str]]:
    """Every file that may hold strings, with the name it goes by in the catalogue."""
    for name in OURS:
        for file in sorted((ROOT / name).rglob("*")):
            if "migrations" not in file.parts:
                yield file, str(file.relative_to(ROOT))
    theme = Path(unfold.__file__).parent
    for file in sorted(theme.rglob("*")):
        # Of the theme's extras only those in INSTALLED_APPS are ever seen.
        if "contrib" not in file.parts or "filters" in file.parts:
            yield file, f"unfold/{file.relative_to(theme)}"


def _strings(file: Path) -> Iterator[tuple[int, Any, str | None]]:
    if file.suffix == ".py":
        with file.open("rb") as source:
            for line, message, _comments, context in extract("python", source, _KEYWORDS):
                yield line, message, context
    elif file.suffix in (".html", ".txt") and "templates" in file.parts:
        # Django turns its tags into calls of gettext; the rest is blanked, which a JavaScript lexer takes calmly.
        calls = templatize(file.read_text(), origin=str(file))
        for line, message, _comments, context in extract("javascript", BytesIO(calls.encode()), _KEYWORDS):
            yield line, message, context


def extracted() -> Catalog:
    """The strings of the code as it is now, without translations."""
    catalog = Catalog(charset="utf-8")
    for file, name in _files():
        for _line, message, context in _strings(file):
            # Files without lines: a moved line is no change of the catalogue.
            catalog.add(message, locations=[(name, 0)], context=context)
    return catalog


def stored(language: str) -> Catalog:
    """The catalogue as it is kept in the repository."""
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> Catalog:
    """Brings the stored catalogue in line with the code, keeping translations; compiles it."""
    file = path(language)
    file.parent.mkdir(parents=True, exist_ok=True)
    catalog = stored(language) if file.exists() else Catalog(locale=language, charset="utf-8")
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    # A header without names and dates: the file changes only when a string does.
    catalog.header_comment = "# Strings of the loyalty platform. Kept by `make messages`."
    catalog.fuzzy = False
    with file.open("wb") as target:
        write_po(target, catalog, width=110, sort_output=True, omit_header=True, include_lineno=False)
    compile_(language)
    return catalog


def compile_(language: str) -> None:
    """Writes the binary catalogue that Django reads."""
    path(language, "mo").write_bytes(_compiled(language))


def _compiled(language: str) -> bytes:
    catalog = stored(language)
    # A fixed date: the same strings give the same file.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    target = BytesIO()
    write_mo(target, catalog)
    return target.getvalue()


def problems(language: str) -> list[str]:
    """Strings of the code that the language lacks, and a binary catalogue that is out of date."""
    have = stored(language)
    found = []
    for message in extracted():
        if not message.id:
            continue
        translated = have.get(message.id, message.context)
        strings = translated.string if translated else ""
        complete = all(strings) if isinstance(strings, tuple) else bool(strings)
        if not complete or (translated and translated.fuzzy):
            where = message.locations[0][0] if message.locations else "?"
            found.append(f"{where}: {message.id!r} has no translation")
    if _said(path(language, "mo").read_bytes()) != _said(_compiled(language)):
        found.append(f"{path(language, 'mo').name} is older than {path(language).name}: run `make messages`")
    return found


def _said(compiled: bytes) -> list[tuple[object, object, object]]:
    return [(message.context, message.id, message.string) for message in read_mo(BytesIO(compiled)) if message.id]
