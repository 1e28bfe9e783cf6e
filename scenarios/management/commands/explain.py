"""`manage.py explain`: why a client did or did not get what a scenario gives (contract §1, semantics §53)."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from scenarios.services import why
from scenarios.services.find import find_client, find_scenario
from segments.services.evaluate import Explanation

SIGNS = {True: "+", False: "-", None: " "}


class Command(BaseCommand):
    help = "Tells why a client did or did not get what a scenario gives."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scenario", metavar="SCENARIO", help="its id or name")
        parser.add_argument("client", metavar="CLIENT", help="a client's id, external id, phone or e-mail")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            found = why.why(find_scenario(options["scenario"]), find_client(options["client"]), timezone.now())
        except LookupError as error:
            raise CommandError(str(error.args[0])) from None
        if options["json"]:
            self.stdout.write(json.dumps(why.as_data(found), cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
            return
        self.stdout.write(found.verdict)
        for check in [*found.checks, *found.clocks]:
            self.stdout.write(f"  {SIGNS[check.ok]} {check.name}: {check.words}")
        for trace in found.triggers:
            self.stdout.write(f"trigger: {trace.sentence}")
            if trace.conditions:
                self._conditions(trace.conditions, 1)
            for heard in trace.heard:
                self.stdout.write(f"  {SIGNS[heard.ok]} {heard.at.isoformat()} {heard.name}: {heard.words}")
        for line in found.refusals:
            self.stdout.write(f"  - {line.at.isoformat()} did not enter: {line.reason} {line.detail}")
        for run in found.runs:
            self.stdout.write(f"run {run.run_id} of {run.entered_at.isoformat()}: {run.state}")
            for line in run.lines:
                parts = (line.kind, line.sentence, line.channel, line.status, line.reason, line.detail)
                self.stdout.write(f"    {line.at.isoformat()} v{line.release} " + " · ".join(p for p in parts if p))

    def _conditions(self, found: Explanation, depth: int) -> None:
        self.stdout.write(
            f"{'  ' * depth}{SIGNS[found.holds]} {found.sentence}{': ' + found.seen if found.seen else ''}"
        )
        for part in found.parts:
            self._conditions(part, depth + 1)
