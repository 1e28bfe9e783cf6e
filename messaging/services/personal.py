"""What this room knows of a person: what was sent and what they wrote (`loyalty.services.personal`)."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q

from loyalty.services.personal import Person, Rows, table
from messaging.models import ClientAddress, InboundMessage, Message, Report, SinkEmail, Suppression
from messaging.services.suppressed import hashed


class Messaging:
    """Messages, answers, addresses of chats and devices, suppressions."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """What was sent and received."""
        ids = person.client_ids
        held = [table(model, client__in=ids) for model in (Message, InboundMessage, ClientAddress)]
        return dict([*held, table(Suppression, address__in=self._addresses(person))])

    def erase(self, person: Person, now: datetime) -> None:
        """Leaves the log with its counts and without words; who was suppressed stays so, by a hash."""
        ids = person.client_ids
        for address in self._addresses(person):
            for row in Suppression.objects.filter(address=address):
                Suppression.objects.get_or_create(
                    channel=row.channel,
                    address=hashed(address),
                    defaults={"kind": Suppression.Kind.ERASED, "since": row.since},
                )
            Suppression.objects.filter(address=address).delete()
            SinkEmail.objects.filter(recipients__icontains=address).delete()
        sent = Message.objects.filter(client__in=ids)
        Report.objects.filter(Q(message_id__in=sent) | Q(provider_id__in=sent.values("provider_id"))).delete()
        sent.update(address="", subject="", body="", html="", error="", extras={})
        InboundMessage.objects.filter(Q(client__in=ids) | Q(address__in=person.addresses)).update(address="", text="")
        ClientAddress.objects.filter(client__in=ids).delete()

    def _addresses(self, person: Person) -> list[str]:
        own = ClientAddress.objects.filter(client__in=person.client_ids).values_list("value", flat=True)
        return [*person.addresses, *own]


MESSAGING = Messaging()
