"""What this room knows of a person: where they stood, and what their runs carried (`loyalty.services.personal`)."""

from collections.abc import Mapping
from datetime import datetime

from loyalty.services.personal import Person, Rows, table
from scenarios.models import EntryClock, RunLog, ScenarioRun, WebhookCall


class Scenarios:
    """Runs, their log, the calls that they made."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """The scenarios that the person went through."""
        return dict(table(model, client__in=person.client_ids) for model in (ScenarioRun, RunLog, WebhookCall))

    def erase(self, person: Person, now: datetime) -> None:
        """Leaves the runs with their counts; what they carried is gone."""
        ids = person.client_ids
        EntryClock.objects.filter(client__in=ids).delete()
        ScenarioRun.objects.filter(client__in=ids).update(context={}, error="")
        RunLog.objects.filter(client__in=ids).update(detail="")
        WebhookCall.objects.filter(client__in=ids).update(body="", error="")


SCENARIOS = Scenarios()
