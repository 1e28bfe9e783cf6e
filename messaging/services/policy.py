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
# What the ledger owes to a member: told unless the member has said no to it; exempt from caps (semantics §24, §38).
BONUS_NOTICES = "bonus notices"
# What staff are told; consents are clients'.
STAFF = "staff"


def refusals(channel: str, topic: str, clients: Mapping[int, Recipient], now: datetime) -> dict[int, Reason]:
    """Those of the clients who must not get a message now, each with the reason. At most two queries."""
    refused: dict[int, Reason] = {}
    if topic != SERVICE:
        said = _said(channel, topic, clients, now)
        # No word means no (semantics §2).
        silent = topic == BONUS_NOTICES
        refused = {client_id: Reason.NO_CONSENT for client_id in clients if not said.get(client_id, silent)}
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


def _said(channel: str, topic: str, clients: Mapping[int, Recipient], now: datetime) -> dict[int, bool]:
    """The newest word of clients on (channel, topic), where there is one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.id, newest.granted FROM unnest(%s::bigint[]) AS c(id)
               JOIN LATERAL (
                 SELECT granted FROM loyalty_consent
                 WHERE client_id = c.id AND channel = %s AND topic = %s AND given_at <= %s
                 ORDER BY given_at DESC, id DESC LIMIT 1) AS newest ON true""",
            [list(clients), channel, topic, now],
        )
        return dict(cursor.fetchall())
