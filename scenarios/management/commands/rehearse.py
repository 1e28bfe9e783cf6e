"""`manage.py rehearse`: what a scenario would do, on a virtual clock; nothing remains (contract §1, semantics §52)."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from scenarios.reasons import reason_label
from scenarios.services import rehearsal
from scenarios.services.find import find_client, find_scenario


class Command(BaseCommand):
    help = "Rehearses a scenario's draft for one client, or for the base over the past days. Nothing remains."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scenario", metavar="SCENARIO", help="its id or name")
        parser.add_argument("--client", metavar="ID", help="a client's id, external id, phone or e-mail")
        parser.add_argument("--days", type=int, default=30, metavar="N", help="of the past, for the base (30)")
        parser.add_argument("--sample", type=int, default=rehearsal.SAMPLE, metavar="N", help="clients at most")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: object, **options: Any) -> None:
        if not 1 <= options["days"] <= 366:
            raise CommandError("--days: give 1 to 366")
        if options["sample"] < 1:
            raise CommandError("--sample: give at least 1")
        now = timezone.now()
        try:
            scenario = find_scenario(options["scenario"])
            if options["client"]:
                self._timeline(rehearsal.for_client(scenario, find_client(options["client"]), now), options["json"])
            else:
                self._figures(rehearsal.for_base(scenario, now, options["days"], options["sample"]), options["json"])
        except LookupError as error:
            raise CommandError(str(error.args[0])) from None

    def _timeline(self, found: rehearsal.Timeline, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found.as_data(), cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
            return
        if not found.entered:
            self.stdout.write(f"would not enter: {reason_label(found.refused)}")
        if found.conditions is not None:
            self.stdout.write(
                f"conditions {'hold' if found.conditions.holds else 'do not hold'}: {found.conditions.sentence}"
            )
        if found.holdout:
            self.stdout.write(f"held out: {reason_label(f'holdout_{found.holdout}')}")
        for moment in found.moments:
            parts = (
                moment.kind,
                moment.sentence,
                moment.channel,
                moment.status,
                reason_label(moment.reason),
                moment.detail,
            )
            self.stdout.write(f"{moment.at.isoformat()}  " + " · ".join(part for part in parts if part))
            if moment.body and moment.status == "accepted":
                self.stdout.write("    " + " | ".join(part for part in (moment.subject, moment.body) if part))
        self.stdout.write(f"in the end: {found.state or 'outside'}")

    def _figures(self, found: rehearsal.Figures, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found.as_data(), ensure_ascii=False, indent=2))
            return
        self.stdout.write(f"the last {found.days} days, {found.looked_at} of {found.base} clients")
        self.stdout.write(f"entries: {found.entries} of {found.clients} clients")
        for title, counter in (("not entered", found.refused), ("sent", found.sent), ("not sent", found.withheld)):
            for name, count in counter.most_common():
                self.stdout.write(f"{title}: {reason_label(name)}: {count}")
        self.stdout.write(f"bonuses: {found.bonuses} to {found.bonus_clients} clients")
