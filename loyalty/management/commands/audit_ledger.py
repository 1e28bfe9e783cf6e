"""`manage.py audit_ledger`: replays the ledger (contract §1)."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict

from django.core.management.base import BaseCommand

from loyalty.services import ledger


class Command(BaseCommand):
    help = "Replays the bonus ledger; exits with 1 and the differing accounts where a cache differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: object, **options: bool) -> None:
        found = ledger.audit()
        if options["json"]:
            self.stdout.write(json.dumps({"differences": [asdict(one) for one in found]}))
        else:
            for one in found:
                self.stdout.write(f"client {one.client_id}, {one.what}: stored {one.stored}, replayed {one.replayed}")
            self.stdout.write(f"{len(found)} differences")
        if found:
            sys.exit(1)
