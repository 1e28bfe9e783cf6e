"""Days of the week and hours in words."""

from collections.abc import Collection
from datetime import time

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as t


def days_of_week(numbers: Collection[int]) -> str:
    """ISO numbers of weekdays (1 is Monday) in words, in order; empty where there are none."""
    return ", ".join(str(WEEKDAYS[number - 1]) for number in sorted(set(numbers)))


def hours(opens: time | None, closes: time | None) -> str:
    """A window in words; empty where there is none."""
    if opens is None and closes is None:
        return ""
    return t("%(from)s–%(till)s") % {
        "from": f"{opens or time():%H:%M}",
        "till": f"{closes:%H:%M}" if closes else "24:00",
    }
