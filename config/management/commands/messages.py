"""`manage.py messages`: brings the catalogues of translations in line with the code (also `make messages`)."""

from django.core.management.base import BaseCommand

from config import catalogue


class Command(BaseCommand):
    help = "Updates and compiles the catalogues of translations; lists what has no translation yet."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        catalogue.update("ru")
        missing = catalogue.problems("ru")
        for problem in missing:
            self.stdout.write(problem)
        self.stdout.write(f"{len(missing)} without a translation")
