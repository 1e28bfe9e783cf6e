"""Whether a message may be sent: the first check that fails is its typed reason (semantics §19).

The checks of the scenario itself (active, exit rules) are made by the room above: when the step
decides, and again right before the send through `settings.OUTBOX_GATE`.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from messaging.models import Reason, Suppression
from messaging.services.recipients import Recipient

# Messages that the client is owed (an order's status): they need no consent (semantics §24).
SERVICE = "service"


def refusals(channel: str, topic: str, clients: Mapping[int, Recipient], now: datetime) -> dict[int, Reason]:
    """Those of the clients who must not get a message now, each with the reason. At most two queries."""
    refused: dict[int, Reason] = {}
    if topic != SERVICE:
        agreed = _agreed(channel, topic, clients, now)
        refused = {client_id: Reason.NO_CONSENT for client_id in clients if client_id not in agreed}
    addresses: dict[str, list[int]] = {}
    for client_id, client in clients.items():
        if client_id in refused:
            continue
        if address := client.address(channel):
            addresses.setdefault(address, []).append(client_id)
        else:
            refused[client_id] = Reason.NO_ADDRESS
    suppressed = Suppression.objects.filter(channel=channel, address__in=list(addresses))
    for address in suppressed.values_list("address", flat=True):
        refused |= dict.fromkeys(addresses[address], Reason.SUPPRESSED)
    return refused


def _agreed(channel: str, topic: str, clients: Mapping[int, Recipient], now: datetime) -> set[int]:
    """Clients whose newest word on (channel, topic) is yes. No word means no (semantics §2)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.id FROM unnest(%s::bigint[]) AS c(id)
               JOIN LATERAL (
                 SELECT granted FROM loyalty_consent
                 WHERE client_id = c.id AND channel = %s AND topic = %s AND given_at <= %s
                 ORDER BY given_at DESC, id DESC LIMIT 1) AS newest ON newest.granted""",
            [list(clients), channel, topic, now],
        )
        return {client_id for (client_id,) in cursor.fetchall()}
