"""`manage.py worker`: all queues on this machine (contract §1)."""

import argparse
import os

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand

from config.workers import SteadyPool, SteadyWorker


class Command(BaseCommand):
    help = "Works on all queues of this machine until it is told to stop (SIGTERM or Ctrl-C)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--processes",
            type=_positive,
            default=os.cpu_count() or 1,
            metavar="N",
            help="default: one a core; one more computes segments",
        )

    def handle(self, *, processes: int, **options: object) -> None:
        pool = SteadyPool(
            list(settings.RQ_QUEUES),
            connection=django_rq.get_connection("default"),
            num_workers=processes,
            worker_class=SteadyWorker,
            slow=settings.SLOW_QUEUES,
        )
        pool.start()


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
