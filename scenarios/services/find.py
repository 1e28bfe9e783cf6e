"""Finding what a person names on the command line."""

from loyalty.services import find
from scenarios.models import Scenario


def find_scenario(text: str) -> Scenario:
    """The scenario of an id or a name. Raises LookupError where there is none, or several."""
    scenarios = Scenario.objects.select_related("live_release")
    if text.isdecimal() and (found := scenarios.filter(pk=text).first()):
        return found
    named = list(scenarios.filter(name__iexact=text)[:2])
    if len(named) != 1:
        raise LookupError(f"SCENARIO: {'several are' if named else 'nothing is'} called {text!r}")
    return named[0]


def find_client(text: str) -> int:
    """The id of the client of an id, external id, phone or e-mail. Raises LookupError."""
    ids = find.client_ids(text)
    if text.isdecimal() and int(text) in ids:
        return int(text)
    if len(ids) != 1:
        raise LookupError(f"CLIENT: {'several are' if ids else 'nobody is'} known by {text!r}")
    return next(iter(ids))
