"""Birthdays: when they are, and that one is awarded once a year (semantics §7, §36). Pure."""

from calendar import isleap
from datetime import date


def celebrated(birthday: date, year: int) -> date:
    """The day of `year` on which a birthday is kept: 29 February on the 28th in common years."""
    if (birthday.month, birthday.day) == (2, 29) and not isleap(year):
        return date(year, 2, 28)
    return birthday.replace(year=year)


def key(client_id: int, year: int) -> str:
    """The natural key of what a client is given for a birthday: one award a year, whoever gives it."""
    return f"birthday:{year}:{client_id}"
