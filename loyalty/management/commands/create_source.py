"""`manage.py create_source KIND SLUG`: makes or shows an event source (contract §1)."""

import argparse
import json

from django.core.management.base import BaseCommand, CommandError

from loyalty.services import sources


class Command(BaseCommand):
    help = "Makes or shows an event source and prints its write key / signing secret once."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kind", metavar="KIND", choices=[kind.value for kind in sources.OUTSIDE])
        parser.add_argument("slug", metavar="SLUG", help="part of the webhook's address")
        parser.add_argument("--secret", metavar="S", default="", help="the key or secret that the shop already uses")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, kind: str, slug: str, secret: str, **options: object) -> None:
        try:
            made = sources.create(kind, slug, secret=secret)
        except sources.SourceError as error:
            raise CommandError(str(error)) from None
        label = "write_key" if kind == "segment" else "secret"
        shown = {"kind": kind, "slug": slug, label: made.secret, "webhook_url": sources.address(made.source)}
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for name, value in shown.items():
            self.stdout.write(f"{name}: {value or '(shown when it was made; --secret S sets another)'}")
