"""The clients of a segment as a file."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from loyalty.models import Identity
from segments.models import Membership, Segment

COLUMNS = ("id", "external_id", "phone", "email", "first_name", "last_name", "entered_at")
CHUNK = 2_000

_PHONE = re.compile(r"\+\d{5,15}")


def rows(segment: Segment) -> Iterator[tuple[Any, ...]]:
    """The clients in the order of entering, by the columns; read through a cursor of the database, in chunks."""
    members = Membership.objects.filter(segment=segment).order_by("pk")
    fields = ("client_id", "client__phone", "client__email", "client__first_name", "client__last_name", "entered_at")
    found = members.values_list(*fields).iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        names: dict[int, list[str]] = defaultdict(list)
        ids = [row[0] for row in chunk]
        external = Identity.objects.filter(client__in=ids, kind=Identity.Kind.EXTERNAL).order_by("pk")
        for client_id, value in external.values_list("client_id", "value"):
            names[client_id].append(value)
        for client_id, *profile, entered_at in chunk:
            yield client_id, " ".join(names[client_id]), *profile, entered_at.isoformat(timespec="seconds")


def guarded(value: Any) -> Any:
    """A cell of a CSV that no spreadsheet takes for a formula; a phone in E.164 is none."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _PHONE.fullmatch(value):
        return f"'{value}"
    return value


def as_csv(segment: Segment) -> Iterator[bytes]:
    """CSV in UTF-8 with the mark by which spreadsheets know it, in pieces."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    yield b"\xef\xbb\xbf"
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows(segment), start=1):
        writer.writerow([guarded(value) for value in row])
        if number % CHUNK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def as_xlsx(segment: Segment) -> IO[bytes]:
    """A workbook in a temporary file, open at its beginning; the caller closes it. Text is text, never a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("clients")
    sheet.append(COLUMNS)
    for row in rows(segment):
        sheet.append([text_cell(sheet, value) for value in row])
    file = TemporaryFile()
    book.save(file)
    file.seek(0)
    return file


# What XML cannot say.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def text_cell(sheet: Any, value: Any) -> Any:
    """A cell of a workbook; text is text, never a formula."""
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, _UNSPEAKABLE.sub("", value))
    cell.data_type = "s"
    return cell
