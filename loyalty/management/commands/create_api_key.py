"""`manage.py create_api_key NAME --scopes a,b`: makes a key of the REST API and prints it once (contract §1)."""

import argparse
import json

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.models.api_key import SCOPES
from loyalty.services import api_keys


class Command(BaseCommand):
    help = "Makes a key of the REST API and prints it once."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="who uses it: a till, an app, a site")
        parser.add_argument("--scopes", metavar="A,B", required=True, help=f"of {', '.join(SCOPES)}")
        parser.add_argument("--source", metavar="SLUG", default="", help="the source that it speaks for (default: api)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, name: str, scopes: str, source: str, **options: object) -> None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        try:
            made, key = api_keys.create(name, wanted, timezone.now(), source_slug=source)
        except api_keys.ApiKeyError as error:
            raise CommandError(str(error)) from None
        shown = {"name": made.name, "key": key, "scopes": made.scopes, "source": made.source.slug}
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for label, value in shown.items():
            self.stdout.write(f"{label}: {', '.join(value) if isinstance(value, list) else value}")
