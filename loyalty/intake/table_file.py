"""Tables in files (CSV, plain or gzip), read row by row in bounded memory whatever is in them."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from django.utils.translation import gettext as _

from loyalty.intake.facts import Refused

# Characters of one line: whoever writes more has lost a line end. A field has csv's own limit, 131,072.
MAX_LINE = 2_000_000
DELIMITERS = ",;\t"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# NUL, and what `surrogateescape` makes of bytes that are no text.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class FileError(Exception):
    """A file that cannot be read as a table at all; the text says why."""


class Table:
    """An open table: its header, and its rows once. Use it as a context manager.

    Raises FileError where the file is no table. The delimiter is the one that the header uses most: a comma,
    a semicolon or a tab.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self._open = ExitStack()
        self._overlong = False
        self.encoding = encoding
        try:
            self._text = self._decoded(path)
            self.header = self._read_header()
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _decoded(self, path: Path) -> TextIOWrapper:
        try:
            self._file = self._open.enter_context(path.open("rb"))
            start = self._file.peek(2)[:2]
            self._size = path.stat().st_size
        except IsADirectoryError:
            raise FileError(_("is a directory")) from None
        except OSError as error:
            raise FileError(error.strerror or str(error)) from None
        if not start:
            raise FileError(_("is empty"))
        if path.suffix == ".gz" and start != _GZIP:
            raise FileError(_("is named .gz and is no gzip file"))
        if start in _UTF16 and self.encoding == "utf-8":
            raise FileError(_("is UTF-16: save it as UTF-8 or give --encoding utf-16"))
        raw = gzip.GzipFile(fileobj=self._file) if start == _GZIP else self._file
        encoding = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        try:
            return TextIOWrapper(cast(IO[bytes], raw), encoding, "surrogateescape", newline="")
        except LookupError:
            raise FileError(_("%(encoding)s is no known encoding") % {"encoding": encoding}) from None

    def _read_header(self) -> list[str]:
        with _damage():
            line = next(self._lines(), "")
        if not line.strip():
            raise FileError(_("has no header line"))
        delimiter = max(DELIMITERS, key=line.count)
        self.delimiter = delimiter
        try:
            header = next(csv.reader([line], delimiter=delimiter))
        except csv.Error:
            raise FileError(_("has no header line")) from None
        return [name.strip() for name in header]

    def position(self, columns: dict[str, str], needed: frozenset[str]) -> dict[str, int]:
        """Where each of `columns` (our name → the header's) stands. Raises FileError naming those that are missing;
        columns that are not `needed` may be."""
        there = {ours: theirs for ours, theirs in columns.items() if theirs in self.header}
        lost = [f"{columns[ours]} ({ours})" for ours in columns if ours in needed - there.keys()]
        if lost:
            shown = ", ".join(name if name.isprintable() else repr(name) for name in self.header)[:300]
            raise FileError(_("lacks columns: %(lost)s. It has: %(has)s") % {"lost": ", ".join(lost), "has": shown})
        return {ours: self.header.index(theirs) for ours, theirs in there.items()}

    @property
    def share_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return min(self._file.tell() / self._size, 1.0) if self._size else 0.0

    def rows(self) -> Iterator[tuple[int, list[str] | Refused]]:
        """Every row with the number of its first line (the header is line 1): its values, or why it is none.

        Raises FileError where the rest of the file cannot be read.
        """
        reader = csv.reader(self._lines(), delimiter=self.delimiter)
        with _damage():
            while True:
                start = reader.line_num + 2
                try:
                    values = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    self._overlong = False
                    yield start, Refused("", _("has a field that is too long (a quotation mark not closed?)"))
                    continue
                if values:
                    yield start, self._checked(values)

    def _checked(self, values: list[str]) -> list[str] | Refused:
        if self._overlong:
            self._overlong = False
            return Refused("", _("is too long"))
        if len(values) != len(self.header):
            return Refused("", _("has not as many columns as the header (a quotation mark not closed?)"))
        if _NO_TEXT.search("".join(values)):
            column, value = next(
                (name, value) for name, value in zip(self.header, values, strict=True) if _NO_TEXT.search(value)
            )
            if "\0" in value:
                return Refused(column, _("contains a NUL character"))
            return Refused(column, _("is no text in %(encoding)s") % {"encoding": self.encoding})
        return values

    def _lines(self) -> Iterator[str]:
        """Lines of bounded length: what follows MAX_LINE characters is skipped, and the row marked as too long."""
        while line := self._text.readline(MAX_LINE):
            if len(line) == MAX_LINE and line[-1] not in "\r\n":
                self._overlong = True
                while (rest := self._text.readline(MAX_LINE)) and rest[-1] not in "\r\n":
                    pass
                line += "\n"
            yield line


@contextmanager
def _damage() -> Iterator[None]:
    """Turns what a damaged file raises while it is read into a FileError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileError(_("is a damaged gzip file")) from None
    except UnicodeError:
        raise FileError(_("is no text in its encoding")) from None
    except OSError as error:
        raise FileError(error.strerror or str(error)) from None
