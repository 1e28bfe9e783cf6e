"""`manage.py import_orders FILE.csv`: bulk import of a shop's order lines (contract §1, docs/imports.md)."""

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

from loyalty.intake import order_file, read
from loyalty.intake.order_file import Layout
from loyalty.intake.table_file import FileError, Table
from loyalty.management import importing
from loyalty.management.progress import Progress
from loyalty.models import Source
from loyalty.services import order_import
from loyalty.services.order_import import Options, Refusals, Summary


class Command(BaseCommand):
    help = "Imports a shop's order lines from a CSV file, plain or gzip. Running it again changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        columns = ", ".join(f"{ours}={theirs}" for ours, theirs in order_file.COLUMNS.items())
        add = parser.add_argument
        add("file", metavar="FILE", type=Path, help="one order line a row, with a header line")
        add("--map", default="", metavar="NAME=COLUMN,…", help=f"which column is which; default: {columns}")
        add("--source", default="import", metavar="SLUG", help="the source that orders and client ids belong to")
        add("--currency", default="", type=str.upper, metavar="CODE", help="default: the source's, else programme's")
        add("--zone", default=settings.TIME_ZONE, metavar="ZONE", help="of times without one; default: %(default)s")
        add("--date-format", default="", metavar="FORMAT", help="such as %%d.%%m.%%Y %%H:%%M; default: ISO 8601")
        add("--encoding", default="utf-8", metavar="NAME", help="of the file; default: %(default)s")
        add("--refund-prefix", default="C", metavar="TEXT", help="C536379 is a credit note; '' for none")
        add("--adjustment-prefix", default="A", metavar="TEXT", help="A563185 is no sale and refused; '' for none")
        add("--services", default=",".join(order_file.SERVICES), metavar="CODE,…", help="codes that are no products")
        add("--unpaid", action="store_true", help="orders are only placed, not paid")
        add("--trigger", action="store_true", help="scenarios may start from these orders; default: nothing starts")
        add("--replace", action="store_true", help="orders that are there with other lines become as the file says")
        add("--dry-run", action="store_true", help="store nothing, say what would be")
        add("--refused", type=Path, metavar="FILE.csv", help="write refused rows there: line, column, reason")
        add("--json", action="store_true", help="print the summary as one JSON object")

    def handle(self, *, file: Path, **options: Any) -> None:
        self.stderr.style_func = None  # progress is no error
        began = time.monotonic()
        try:
            with ExitStack() as stack:
                table = stack.enter_context(Table(file, options["encoding"]))
                source = order_import.find_source(options["source"], options["currency"])
                layout = self._layout(source, options)
                refusals = Refusals(importing.sink(stack, options["refused"]))
                summary = self._run(table, source, layout, options, refusals)
        except (FileError, order_import.ImportRefused) as error:
            raise CommandError(f"{file}: {error}" if isinstance(error, FileError) else str(error)) from None
        except KeyboardInterrupt:
            raise CommandError(
                "stopped; what was recorded stays, the next run takes up the rest", returncode=130
            ) from None
        self._say(file, source, layout, summary, refusals, time.monotonic() - began, options)

    def _run(
        self, table: Table, source: Source, layout: Layout, options: dict[str, Any], refusals: Refusals
    ) -> Summary:
        bars: dict[str, Progress] = {}

        def progress(phase: str, done: int, share: float) -> None:
            if phase not in bars:
                bars[phase] = Progress(self.stderr, phase, "lines")
            bars[phase].update(done, share)
            if share >= 1:
                bars[phase].finish(done)

        asked = Options(
            paid=not options["unpaid"],
            triggers=options["trigger"],
            replace=options["replace"],
            dry_run=options["dry_run"],
        )
        return order_import.import_orders(table, source, layout, timezone.now(), asked, refusals, progress)

    def _layout(self, source: Source, options: dict[str, Any]) -> Layout:
        zone = importing.zone(options["zone"])
        columns = dict(order_file.COLUMNS)
        for pair in filter(None, options["map"].split(",")):
            ours, equals, theirs = (part.strip() for part in pair.partition("="))
            if ours not in columns or not theirs:
                raise CommandError(f"--map {pair}: NAME=COLUMN is needed, NAME one of {', '.join(columns)}")
            columns[ours] = theirs
        return Layout(
            currency=options["currency"] or order_import.currency_of(source),
            zone=zone,
            columns=columns,
            date_format=options["date_format"],
            refund_prefix=options["refund_prefix"],
            adjustment_prefix=options["adjustment_prefix"],
            services=frozenset(code.strip().upper() for code in options["services"].split(",") if code.strip()),
        )

    def _say(
        self,
        file: Path,
        source: Source,
        layout: Layout,
        summary: Summary,
        refusals: Refusals,
        seconds: float,
        options: dict[str, Any],
    ) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(source, layout, summary, refusals, seconds, options["dry_run"])))
            return
        s, currency = summary, layout.currency
        would = "  (dry run: nothing was stored)" if options["dry_run"] else ""
        written = [
            f"{file.name}: {s.lines:,} lines, source {source.slug}, {seconds:,.1f} s{would}",
            f"orders   {s.orders_new:,} new ({s.orders_without_client:,} without a client), "
            f"{s.orders_known:,} there already, {s.orders_corrected:,} corrected",
            f"lines    {s.lines_new:,} new ({s.lines_free:,} at no price, {s.lines_service:,} services), "
            f"{read.in_units(s.total_new, currency)} {currency}",
            f"refunds  {s.refunds_new:,} new ({s.refunds_without_client:,} without a client, "
            f"{s.refund_lines_new:,} lines), {s.refunds_known:,} there already, "
            f"{read.in_units(s.refunded_new, currency)} {currency}",
            f"clients  {s.clients_new:,} new",
            *importing.refused_lines(refusals),
        ]
        self.stdout.write("\n".join(written))


def _as_json(
    source: Source, layout: Layout, summary: Summary, refusals: Refusals, seconds: float, dry_run: bool
) -> dict[str, object]:
    return {
        "source": source.slug,
        "currency": layout.currency,
        "dry_run": dry_run,
        "seconds": round(seconds, 1),
        **asdict(summary),
        "total_new": read.in_units(summary.total_new, layout.currency),
        "refunded_new": read.in_units(summary.refunded_new, layout.currency),
        **importing.refused_json(refusals),
    }
