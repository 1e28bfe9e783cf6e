"""`manage.py import_clients FILE.csv`: bulk import of a shop's clients (contract §1, docs/imports.md)."""

import argparse
import json
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.intake.client_file import Layout
from loyalty.intake.table_file import FileError, Table
from loyalty.management import importing
from loyalty.management.progress import Progress
from loyalty.services import client_import, order_import
from loyalty.services.order_import import Refusals


class Command(BaseCommand):
    help = "Imports a shop's clients from a CSV file, plain or gzip. Running it again changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("file", metavar="FILE", type=Path, help="one client a row, with a header line")
        add("--map", default="", metavar="NAME=COLUMN,…", help="which column is which, such as phone=Tel,id=Card")
        add("--source", default="import", metavar="SLUG", help="the source that the clients' ids belong to")
        add("--zone", default=settings.TIME_ZONE, metavar="ZONE", help="of times without one; default: %(default)s")
        add("--date-format", default="", metavar="FORMAT", help="of dates, such as %%d.%%m.%%Y; default: ISO 8601")
        add("--encoding", default="utf-8", metavar="NAME", help="of the file; default: %(default)s")
        add("--dry-run", action="store_true", help="store nothing, say what would be")
        add("--refused", type=Path, metavar="FILE.csv", help="write refused rows there: line, column, reason")
        add("--json", action="store_true", help="print the summary as one JSON object")

    def handle(self, *, file: Path, **options: Any) -> None:
        self.stderr.style_func = None  # progress is no error
        began = time.monotonic()
        bar = Progress(self.stderr, "clients", "lines")
        try:
            with ExitStack() as stack:
                table = stack.enter_context(Table(file, options["encoding"]))
                source = order_import.find_source(options["source"])
                columns = _columns(options["map"], table)
                layout = Layout(importing.zone(options["zone"]), columns, options["date_format"])
                refusals = Refusals(importing.sink(stack, options["refused"]))
                summary = client_import.import_clients(
                    table, source, layout, timezone.now(), options["dry_run"], refusals, bar.update
                )
        except (FileError, order_import.ImportRefused) as error:
            raise CommandError(f"{file}: {error}" if isinstance(error, FileError) else str(error)) from None
        except KeyboardInterrupt:
            raise CommandError(
                "stopped; what was recorded stays, the next run takes up the rest", returncode=130
            ) from None
        bar.finish(summary.lines)
        seconds = time.monotonic() - began
        if options["json"]:
            told = {"source": source.slug, "dry_run": options["dry_run"], "seconds": round(seconds, 1)}
            self.stdout.write(json.dumps(told | asdict(summary) | importing.refused_json(refusals)))
            return
        would = "  (dry run: nothing was stored)" if options["dry_run"] else ""
        written = [
            f"{file.name}: {summary.lines:,} lines, source {source.slug}, {seconds:,.1f} s{would}",
            f"clients  {summary.clients_new:,} new, {summary.clients_told:,} told about, {summary.known:,} unchanged",
            *importing.refused_lines(refusals),
        ]
        self.stdout.write("\n".join(written))


def _columns(pairs: str, table: Table) -> dict[str, str]:
    """The header's name → ours. Raises CommandError for a pair that names no column of the file."""
    found: dict[str, str] = {}
    for pair in filter(None, pairs.split(",")):
        ours, _equals, theirs = (part.strip() for part in pair.partition("="))
        if not ours or theirs not in table.header:
            raise CommandError(f"--map {pair}: NAME=COLUMN is needed, COLUMN one of {', '.join(table.header)}")
        found[theirs] = ours
    return found
