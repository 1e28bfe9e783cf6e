"""What the tests of conditions have in common."""

from datetime import timedelta

from segments.models import Group
from segments.services.evaluate import explain, matching
from tests.builders import NOW

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def holds(condition, *people, now=NOW):
    """For whom of the people the condition holds, in order; it has to be one that may be saved."""
    condition.clean()
    found = matching(condition, [person.pk for person in people], now)
    return [person.pk in found for person in people]


def seen(condition, person, now=NOW):
    """What the condition says it saw of a client."""
    return explain(condition, person.pk, now).seen


def group(mode, *members):
    """An unsaved group of conditions."""
    made = Group(mode=mode)
    made.attached_members = list(members)
    return made
