"""`manage.py recount_results --from DATE`: counts the results of older days again, day by day (semantics §47–51)."""

from argparse import ArgumentParser
from datetime import date

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scenarios.services import daily, days, retention


class Command(BaseCommand):
    help = "Counts the results of scenarios again from a day on. Safe to stop and to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", required=True, metavar="DATE", help="for example 2026-10-01")

    def handle(self, *, first: str, **options: object) -> None:
        now = timezone.now()
        try:
            began = date.fromisoformat(first)
        except ValueError:
            raise CommandError(f"--from: {first!r} is not a day such as 2026-10-01") from None
        if began > days.of(now):
            raise CommandError(f"--from: {began} is yet to come")
        kept = retention.kept_since(now)
        if kept and began < days.of(kept):
            raise CommandError(f"--from: the log is kept since {days.of(kept)}: results of before stay as they are")
        wanted = days.span(began, days.of(now))
        for day in wanted:
            daily.count(day)
        self.stdout.write(f"days counted: {len(wanted)}")
