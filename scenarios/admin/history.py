"""The history of a scenario: every change of its draft and its state, in words."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest

from scenarios.models import Scenario


def note(request: HttpRequest, scenario: Scenario, words: str) -> None:
    """Adds a line to the scenario's history."""
    LogEntry.objects.log_actions(request.user.pk, [scenario], CHANGE, words, single_object=True)
