"""What this room knows of a person: where they stood, and what their runs carried (`loyalty.services.personal`)."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import TextField, Value
from django.db.models.functions import Cast, Concat

from loyalty.services.personal import Person, Rows, table
from scenarios.models import Again, EntryClock, RunLog, ScenarioRun, WebhookCall

_HELD = (ScenarioRun, RunLog, WebhookCall, EntryClock, Again)


class Scenarios:
    """Runs, their log, the calls that they made."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """The scenarios that the person went through."""
        return dict(table(model, client__in=person.client_ids) for model in _HELD)

    def erase(self, person: Person, now: datetime) -> None:
        """Leaves the runs with their counts; what they carried is gone."""
        ids = person.client_ids
        EntryClock.objects.filter(client__in=ids).delete()
        runs = ScenarioRun.objects.filter(client__in=ids)
        runs.update(context={}, error="")
        for word in (*person.addresses, *person.names):
            # An occasion that an outsider named after the person; the id keeps it one of its own.
            named = runs.filter(occurrence__icontains=word)
            named.update(occurrence=Concat(Value("erased:"), Cast("pk", TextField())))
        RunLog.objects.filter(client__in=ids).update(detail="")
        WebhookCall.objects.filter(client__in=ids).update(body="", error="")


SCENARIOS = Scenarios()
