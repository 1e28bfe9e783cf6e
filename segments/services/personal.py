"""What this room knows of a person: in which segments they are (`loyalty.services.personal`)."""

from collections.abc import Mapping
from datetime import datetime

from loyalty.services.personal import Person, Rows, table
from segments.models import Membership, RfmScore


class Segments:
    """Places in segments and RFM scores."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """The segments of the person, and how they scored."""
        return dict(table(model, client__in=person.client_ids) for model in (Membership, RfmScore))

    def erase(self, person: Person, now: datetime) -> None:
        """Takes the person out of all segments, silently: what a segment is called may tell who they are. Scores are
        numbers of nobody now."""
        Membership.objects.filter(client__in=person.client_ids).delete()


SEGMENTS = Segments()
