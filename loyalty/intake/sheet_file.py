"""Small tables that staff upload: CSV (plain or gzip) or XLSX, read row by row under the columns that we know."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from django.utils.translation import gettext as t
from openpyxl import load_workbook

from loyalty.intake.facts import Refused
from loyalty.intake.table_file import FileError, Table

# What the parts of a workbook may inflate to, together.
MAX_INFLATED = 300_000_000

# The number of a row as the user's program counts, and its filled cells by column, or why it is refused.
Row = tuple[int, dict[str, str] | Refused]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file may hold. `names`: by column of ours, how people and other systems head it."""

    names: Mapping[str, Sequence[str]]
    max_bytes: int
    max_rows: int

    def rows(self, path: Path, name: str) -> Iterator[Row]:
        """The rows of a file under its header, `name` telling its kind. Raises FileError where it cannot be read, has
        none of the columns, or is too large."""
        if path.stat().st_size > self.max_bytes:
            raise FileError(t("is larger than %(n)d MB") % {"n": self.max_bytes // 1_000_000})
        read = self._workbook if name.lower().endswith(".xlsx") else self._table
        for count, row in enumerate(read(path)):
            if count >= self.max_rows:
                raise FileError(t("has more than %(n)d rows: divide it") % {"n": self.max_rows})
            yield row

    def _columns(self, header: list[str]) -> dict[int, str]:
        """Which of our columns stands where. Raises FileError where none does."""
        known = {name: column for column, names in self.names.items() for name in names}
        found: dict[int, str] = {}
        for position, heading in enumerate(header):
            column = known.get(re.sub(r"[\s_]+", " ", heading).strip().lower())
            if column and column not in found.values():
                found[position] = column
        if not found:
            shown = ", ".join(name if name.isprintable() else repr(name) for name in header)[:300]
            wanted = ", ".join(names[0] for names in self.names.values())
            words = t("has none of the columns %(wanted)s. It has: %(has)s")
            raise FileError(words % {"wanted": wanted, "has": shown})
        return found

    def _table(self, path: Path) -> Iterator[Row]:
        with Table(path, _encoding(path)) as table:
            columns = self._columns(table.header)
            for line, values in table.rows():
                if isinstance(values, Refused):
                    yield line, values
                else:
                    yield line, _cells(values, columns)

    def _workbook(self, path: Path) -> Iterator[Row]:
        try:
            with ZipFile(path) as parts:
                if sum(part.file_size for part in parts.infolist()) > MAX_INFLATED:
                    raise FileError(t("is too large inside"))
            book = load_workbook(path, read_only=True, data_only=True)
        except FileError:
            raise
        except (BadZipFile, KeyError, ValueError, OSError) as error:
            raise FileError(t("is no XLSX workbook")) from error
        try:
            lines = enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
            columns: dict[int, str] = {}
            for line, values in lines:
                texts = [_text(value) for value in values]
                if not any(texts):
                    continue
                if not columns:
                    columns = self._columns(texts)
                    continue
                texts += [""] * (max(columns) + 1 - len(texts))
                yield line, _cells(texts, columns)
            if not columns:
                raise FileError(t("is empty"))
        finally:
            book.close()


def _cells(values: list[str], columns: dict[int, str]) -> dict[str, str]:
    """The filled cells. An apostrophe that keeps a program from calculating is no part of the value."""
    cells = {column: values[position].strip().removeprefix("'") for position, column in columns.items()}
    return {column: value for column, value in cells.items() if value}


def _encoding(path: Path) -> str:
    """UTF-8, unless the beginning says UTF-16 or is no UTF-8: then what Russian Excel writes."""
    with path.open("rb") as file:
        start = file.read(1_000_000)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start.startswith(b"\x1f\x8b"):
        return "utf-8"
    try:
        # The last bytes may be half a letter.
        start[: start.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1251"
    return "utf-8"


def _text(value: Any) -> str:
    """A cell as text; a whole number without the point that spreadsheets store."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
