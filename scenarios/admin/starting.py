"""Starting a scenario by hand, for a segment or for clients named one a line."""

from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as t

from loyalty.services import find
from scenarios.models import Scenario
from scenarios.services import entering
from segments.models import Segment

MOST_LINES = 1000


class NotUnderstood(Exception):
    """For whom to start was not said, or a line is nobody's; in the current language."""


def context(scenario: Scenario) -> dict[str, Any]:
    """What `scenarios/start_form.html` shows."""
    return {"segments": Segment.objects.order_by("name")}


def act(scenario: Scenario, posted: QueryDict, now: datetime) -> entering.Entered:
    """Lets in whom the form names. Raises `NotUnderstood` and `entering.NotActive`; then nobody entered."""
    occasion = now.isoformat(timespec="seconds")
    if posted.get("segment", "").isdecimal():
        segment = Segment.objects.filter(pk=int(posted["segment"][:18])).first()
        if segment is None:
            raise NotUnderstood(t("There is no such segment."))
        return entering.enrol_segment_by_hand(scenario, segment.pk, occasion, now)
    lines = [line.strip() for line in posted.get("clients", "").splitlines() if line.strip()]
    if not lines or len(lines) > MOST_LINES:
        raise NotUnderstood(t("Choose a segment, or name up to %(n)d clients.") % {"n": MOST_LINES})
    return entering.enrol_by_hand(scenario, [_client(line) for line in lines], occasion, now)


def _client(line: str) -> int:
    found = find.client_ids(line, limit=2)
    if len(found) != 1:
        sentence = t("«%(line)s» is several clients.") if found else t("«%(line)s» is no client.")
        raise NotUnderstood(sentence % {"line": line[:100]})
    return found[0]
