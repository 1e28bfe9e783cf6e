"""What this room knows of a person: what was sent and what they wrote (`loyalty.services.personal`)."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast, Concat

from loyalty.services.personal import Person, Rows, table
from messaging.models import ClientAddress, InboundMessage, Link, Message, MessageRetry, Report, SinkEmail, Suppression
from messaging.services.suppressed import hashed


class Messaging:
    """Messages, answers, addresses of chats and devices, suppressions."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """What was sent and received."""
        ids = person.client_ids
        held = [table(model, client__in=ids) for model in (Message, InboundMessage, ClientAddress)]
        held.append(table(MessageRetry, message__client__in=ids))
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
        self._erase_history(person)
        sent = Message.objects.filter(client__in=ids)
        MessageRetry.objects.filter(message__in=sent).update(error="")
        Report.objects.filter(Q(message_id__in=sent) | Q(provider_id__in=sent.values("provider_id"))).delete()
        sent.update(address="", subject="", body="", html="", error="", extras={})
        InboundMessage.objects.filter(Q(client__in=ids) | Q(address__in=person.addresses)).update(address="", text="")
        ClientAddress.objects.filter(client__in=ids).delete()

    def _erase_history(self, person: Person) -> None:
        """What quotes messages outside the log: the demo mailbox, links that hold an address, the admin's history."""
        with connection.cursor() as cursor:
            cursor.execute(
                """DELETE FROM messaging_sinkemail WHERE split_part(message_id, '@', 1) IN (
                     SELECT '<loyalty-' || id FROM messaging_message WHERE client_id = ANY(%s))""",
                [list(person.client_ids)],
            )
        for address in person.addresses:
            for written in {address, quote(address)}:
                links = Link.objects.filter(url__icontains=written)
                links.update(url=Concat(Value(f"{settings.PUBLIC_URL}/#erased-"), Cast("pk", TextField())))
        inbound = InboundMessage.objects.filter(Q(client__in=person.client_ids) | Q(address__in=person.addresses))
        entries = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(InboundMessage),
            object_id__in=[str(pk) for pk in inbound.values_list("pk", flat=True)],
        )
        entries.update(object_repr="…", change_message="")

    def _addresses(self, person: Person) -> list[str]:
        own = ClientAddress.objects.filter(client__in=person.client_ids).values_list("value", flat=True)
        return [*person.addresses, *own]


MESSAGING = Messaging()
