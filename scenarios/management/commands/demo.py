"""`manage.py demo`: the demo shop, of any size (contract §1)."""

import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.models import Source
from loyalty.services import demo_programme, demo_shop, sources
from loyalty.services.events import record
from scenarios.services import demo

BATCH = 500  # facts recorded at once


class Command(BaseCommand):
    help = "Loads the demo shop: sources, clients with their history, and a scenario at work. Idempotent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        size = demo_shop.Size()
        parser.add_argument("--clients", type=int, default=size.clients)
        parser.add_argument("--days", type=int, default=size.days, help="how far the history reaches back")
        parser.add_argument("--seed", type=int, default=size.seed, help="another seed, other clients")

    def handle(self, *args: object, **options: int) -> None:
        size = demo_shop.Size(options["clients"], options["days"], options["seed"])
        if size.clients < 0 or size.days < 1:
            raise CommandError("--clients must not be negative, --days at least 1")
        for slug, kind in demo_shop.SOURCES.items():
            if not Source.objects.filter(slug=slug).exists():
                sources.create(kind, slug, keep_key=True)
        if demo_programme.install():
            self.stdout.write("the programme: 5 % cashback, three levels, 30 % of an order payable with bonuses")
        scenario = demo.install(timezone.now())
        if scenario:
            self.stdout.write(f"scenario “{scenario}” is live")
        if size.clients and not demo_shop.loaded(size):
            self._load(size)
        self.stdout.write("the demo shop is ready")

    def _load(self, size: demo_shop.Size) -> None:
        now = timezone.now()
        shop = Source.objects.get(slug="demo-shop")
        waiting = []
        for done, facts in enumerate(demo_shop.history(size, now), start=1):
            waiting += facts
            if len(waiting) >= BATCH or done == size.clients:
                record(shop, waiting, now)
                waiting = []
                self._progress(done, size.clients)

    def _progress(self, done: int, total: int) -> None:
        width = 40 * done // total
        if sys.stdout.isatty():
            end = "\n" if done == total else ""
            self.stdout.write(f"\r[{'█' * width}{'·' * (40 - width)}] {done}/{total} clients", ending=end)
        elif done == total:
            self.stdout.write(f"{total} clients with their history")
