#!/usr/bin/env python
"""Django's command-line entry; finds (and starts) the embedded services where no URLs are set."""

import os
import sys

from django.core.management import execute_from_command_line

from config import local_services


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    local_services.ensure_urls()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
