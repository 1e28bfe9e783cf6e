"""Suppressed addresses from and to files (semantics §21): lists of another system, and back."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as t
from openpyxl import Workbook

from loyalty.intake import read
from loyalty.intake.facts import Refused
from loyalty.intake.sheet_file import Sheet
from loyalty.services import programme, rows
from messaging.models import Channel, Suppression
from messaging.services.recipients import BY_PHONE
from segments.services.member_export import guarded, text_cell

CHANNEL, ADDRESS, REASON = "channel", "address", "reason"
COLUMNS = (CHANNEL, ADDRESS, REASON)
SHEET = Sheet(
    {
        CHANNEL: ("channel", "канал"),
        ADDRESS: (
            "address", "email", "e-mail", "phone", "адрес", "почта", "эл. почта", "телефон", "номер телефона",
        ),
        REASON: ("reason", "why", "details", "причина", "подробности", "комментарий"),
    },
    max_bytes=50_000_000,
    max_rows=1_000_000,
)  # fmt: skip
CHUNK = 5_000
# Refusals that are kept to be shown; all are counted.
KEPT = 5_000
EXAMPLES = (("email", "anna@example.com", "asked by phone"), ("sms", "+79991234567", ""))

_HASHED = re.compile(r"sha256:[0-9a-f]{64}")
# How people call channels in a file, beside the codes.
_CHANNELS = {
    "e-mail": Channel.EMAIL, "mail": Channel.EMAIL, "почта": Channel.EMAIL, "эл. почта": Channel.EMAIL,
    "смс": Channel.SMS, "phone": Channel.SMS, "телефон": Channel.SMS, "телеграм": Channel.TELEGRAM,
    "вк": Channel.VK, "web push": Channel.WEBPUSH, "mobile push": Channel.PUSH,
}  # fmt: skip

Cells = dict[str, str]


@dataclass(slots=True)
class Taken:
    """What came of a file. `refusals`: line, column and reason of the first refused rows."""

    rows: int = 0
    added: int = 0
    refused: int = 0
    refusals: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def known(self) -> int:
        """Rows whose address was suppressed before, or stands in the file twice."""
        return self.rows - self.refused - self.added


def take(path: Path, name: str, channel: str, now: datetime) -> Taken:
    """Suppresses the addresses of a file; a row without a channel is of `channel`, where that is given.

    A row of a wrong address is refused and stops no other. A file that cannot be read to its end stores nothing at
    all: raises FileError. Memory is bounded, whatever the file.
    """
    taken, region = Taken(), programme.current().phone_region
    lines = SHEET.rows(path, name)
    with transaction.atomic():
        while chunk := list(islice(lines, CHUNK)):
            found: dict[tuple[str, str], Cells] = {}
            for line, cells in chunk:
                taken.rows += 1
                try:
                    if isinstance(cells, Refused):
                        raise cells
                    found.setdefault(_read(cells, channel, region), cells)
                except Refused as why:
                    taken.refused += 1
                    if len(taken.refusals) < KEPT:
                        taken.refusals.append((line, why.field, why.reason))
            taken.added += _store(found, now)
    return taken


def address(channel: str, given: str, region: str = "") -> str:
    """An address as messages of the channel write it; `region`: of phones without a country. Raises Refused."""
    if not given:
        raise Refused(ADDRESS, t("is empty"))
    if _HASHED.fullmatch(given):
        # Of somebody who was erased, from an export of ours.
        return given
    if channel == Channel.EMAIL:
        if not (email := read.email(given, ADDRESS)):
            raise Refused(ADDRESS, t("is no e-mail address"))
        return email
    if channel in BY_PHONE:
        if not (phone := _phone(given, region)):
            raise Refused(ADDRESS, t("is no phone number"))
        return phone
    if len(given) > 1000:
        raise Refused(ADDRESS, t("is too long"))
    return given


def as_csv(found: QuerySet[Suppression]) -> Iterator[bytes]:
    """CSV in UTF-8 with the mark by which spreadsheets know it, in pieces; `take` reads it back."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    yield b"\xef\xbb\xbf"
    writer.writerow([*COLUMNS, "since"])
    for number, row in enumerate(_told(found), start=1):
        writer.writerow([guarded(value) for value in row])
        if number % CHUNK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def as_xlsx(found: QuerySet[Suppression]) -> IO[bytes]:
    """A workbook in a temporary file, open at its beginning; the caller closes it."""
    return _workbook([*COLUMNS, "since"], _told(found))


def template(kind: str) -> bytes:
    """A file to fill in: the header and an example of a row or two."""
    if kind == "xlsx":
        with _workbook(list(COLUMNS), EXAMPLES) as file:
            return file.read()
    buffer = StringIO()
    csv.writer(buffer).writerows([COLUMNS, *EXAMPLES])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def _read(cells: Cells, channel: str, region: str) -> tuple[str, str]:
    """Channel and address of a row as messages write them. Raises Refused, naming the column."""
    said = cells.get(CHANNEL, "").strip().lower()
    of = _CHANNELS.get(said, said) if said else channel
    if not of:
        raise Refused(CHANNEL, t("is empty"))
    if of not in Channel.values:
        raise Refused(CHANNEL, t("there is no such channel; one of: %(all)s") % {"all": ", ".join(Channel.values)})
    return of, address(of, cells.get(ADDRESS, ""), region)


def _phone(given: str, region: str) -> str:
    """In E.164; a spreadsheet may have taken the plus away. Empty where it is no phone."""
    for text in (given, f"+{given}"):
        number = read.phone(text, ADDRESS, region)
        if number and number.e164:
            return number.e164
    return ""


def _store(found: dict[tuple[str, str], Cells], now: datetime) -> int:
    """Writes what is new, whatever its number in one statement; returns how many."""
    written = rows.insert(
        Suppression,
        [
            {"channel": channel, "address": address, "kind": Suppression.Kind.IMPORT.value,
             "why": cells.get(REASON, "")[:300], "since": now}
            for (channel, address), cells in found.items()
        ],
        "DO NOTHING",
    )  # fmt: skip
    return len(written)


def _told(found: QuerySet[Suppression]) -> Iterator[tuple[str, ...]]:
    for row in found.iterator(chunk_size=CHUNK):
        details = row.why or str(row.get_kind_display())
        yield row.channel, row.address, details, row.since.isoformat(timespec="seconds")


def _workbook(header: list[str], lines: Iterable[tuple[str, ...]]) -> IO[bytes]:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("suppressed")
    sheet.append(header)
    for line in lines:
        sheet.append([text_cell(sheet, value) for value in line])
    file = TemporaryFile()
    book.save(file)
    file.seek(0)
    return file
