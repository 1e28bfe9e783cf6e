"""What the commands that import files share: their zone, their report of refused rows."""

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError

from loyalty.services.order_import import Refusals, Sink


def zone(name: str) -> ZoneInfo:
    """The IANA zone of `--zone`. Raises CommandError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise CommandError(f"--zone {name}: no such IANA zone") from None


def sink(stack: ExitStack, path: Path | None) -> Sink | None:
    """Where `--refused` has the refused rows written. Raises CommandError."""
    if path is None:
        return None
    try:
        out = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    writer = csv.writer(out)
    writer.writerow(["line", "column", "reason"])
    return writer


def refused_lines(refusals: Refusals) -> list[str]:
    """The refused rows for people: how many by reason, and the first of them."""
    said = [f"refused  {refusals.total:,} lines"]
    said += [f"  {count:>9,}  {' '.join(filter(None, why))}" for why, count in refusals.by_reason.most_common()]
    if refusals.first:
        said.append("first refused:")
    return said + [f"  line {line}: {' '.join(filter(None, why))}" for line, *why in refusals.first]


def refused_json(refusals: Refusals) -> dict[str, Any]:
    """The same for programs."""
    return {
        "refused": refusals.total,
        "refused_by_reason": [
            {"column": column, "reason": reason, "count": count}
            for (column, reason), count in refusals.by_reason.most_common()
        ],
        "first_refused": [
            {"line": line, "column": column, "reason": reason} for line, column, reason in refusals.first
        ],
    }
