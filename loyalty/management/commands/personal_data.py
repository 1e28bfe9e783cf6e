"""`personal_data export|erase CLIENT`: what is kept of a person, as JSON; or its erasure."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.models import Client
from loyalty.services import personal


class Command(BaseCommand):
    """For requests of people about their data (152-ФЗ, GDPR)."""

    help = "Prints what is kept of a client as JSON, or erases it and keeps sums and counts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("deed", choices=["export", "erase"])
        parser.add_argument("client", type=int, help="id of the client")
        parser.add_argument("--yes", action="store_true", help="erase without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["deed"] == "export":
                self.stdout.write(
                    json.dumps(personal.export(options["client"]), default=str, ensure_ascii=False, indent=1)
                )
                return
            if not options["yes"]:
                raise CommandError("erase: this cannot be undone; say --yes")
            personal.erase(options["client"], timezone.now())
        except Client.DoesNotExist:
            raise CommandError(f"client: there is no client {options['client']}") from None
        self.stdout.write(f"client {options['client']} is erased")
