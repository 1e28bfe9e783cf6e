"""Reading a file of clients: CSV (plain or gzip) or XLSX, with the columns id, external id, phone, e-mail."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from django.utils.translation import gettext as t
from openpyxl import load_workbook

from loyalty.intake.facts import Refused
from loyalty.intake.table_file import FileError, Table

MAX_BYTES = 20_000_000
MAX_ROWS = 200_000
# What the parts of a workbook may inflate to, together.
MAX_INFLATED = 300_000_000

ID, EXTERNAL, PHONE, EMAIL = "id", "external_id", "phone", "email"

# How people and other systems head these columns.
NAMES = {
    ID: ("id", "client id", "client", "ид", "id клиента", "клиент"),
    EXTERNAL: ("external id", "customer id", "customer", "card", "внешний id", "внешний ид", "карта", "номер карты"),
    PHONE: ("phone", "phone number", "mobile", "tel", "телефон", "номер телефона", "тел", "мобильный"),
    EMAIL: ("email", "e-mail", "mail", "email address", "почта", "эл. почта", "электронная почта"),
}
_KNOWN = {name: column for column, names in NAMES.items() for name in names}

# The number of a row as the user's program counts, and its filled cells by column, or why it is refused.
Row = tuple[int, dict[str, str] | Refused]


def rows(path: Path, name: str) -> Iterator[Row]:
    """The rows of a file under its header, `name` telling its kind. Raises FileError where it cannot be read, lacks
    all of the columns, or is too large."""
    if path.stat().st_size > MAX_BYTES:
        raise FileError(t("is larger than %(n)d MB") % {"n": MAX_BYTES // 1_000_000})
    read = _workbook if name.lower().endswith(".xlsx") else _table
    for count, row in enumerate(read(path)):
        if count >= MAX_ROWS:
            raise FileError(t("has more than %(n)d rows: divide it") % {"n": MAX_ROWS})
        yield row


def _columns(header: list[str]) -> dict[int, str]:
    """Which of our columns stands where. Raises FileError where none does."""
    found: dict[int, str] = {}
    for position, heading in enumerate(header):
        column = _KNOWN.get(re.sub(r"[\s_]+", " ", heading).strip().lower())
        if column and column not in found.values():
            found[position] = column
    if not found:
        shown = ", ".join(name if name.isprintable() else repr(name) for name in header)[:300]
        raise FileError(t("has none of the columns id, external id, phone, e-mail. It has: %(has)s") % {"has": shown})
    return found


def _cells(values: list[str], columns: dict[int, str]) -> dict[str, str]:
    """The filled cells. An apostrophe that keeps a program from calculating is no part of the value."""
    cells = {column: values[position].strip().removeprefix("'") for position, column in columns.items()}
    return {column: value for column, value in cells.items() if value}


def _table(path: Path) -> Iterator[Row]:
    with Table(path, _encoding(path)) as table:
        columns = _columns(table.header)
        for line, values in table.rows():
            if isinstance(values, Refused):
                yield line, values
            else:
                yield line, _cells(values, columns)


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


def _workbook(path: Path) -> Iterator[Row]:
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
                columns = _columns(texts)
                continue
            texts += [""] * (max(columns) + 1 - len(texts))
            yield line, _cells(texts, columns)
        if not columns:
            raise FileError(t("is empty"))
    finally:
        book.close()


def _text(value: Any) -> str:
    """A cell as text; a whole number without the point that spreadsheets store."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
