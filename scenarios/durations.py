"""Lengths of time as marketers give them: an amount and a unit."""

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext


class Unit(models.TextChoices):
    SECONDS = "seconds", _("seconds")
    MINUTES = "minutes", _("minutes")
    HOURS = "hours", _("hours")
    DAYS = "days", _("days")


def length(amount: int, unit: str) -> timedelta:
    """The absolute length: a day is 24 hours (semantics §10)."""
    return timedelta(**{unit: amount})


def in_words(amount: int, unit: str) -> str:
    """The length in the current language: "2 hours"."""
    match unit:
        case Unit.SECONDS:
            words = ngettext("%(n)d second", "%(n)d seconds", amount)
        case Unit.MINUTES:
            words = ngettext("%(n)d minute", "%(n)d minutes", amount)
        case Unit.HOURS:
            words = ngettext("%(n)d hour", "%(n)d hours", amount)
        case Unit.DAYS:
            words = ngettext("%(n)d day", "%(n)d days", amount)
        case _:
            return t("an unknown time")
    return words % {"n": amount}
