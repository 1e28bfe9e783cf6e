"""Clients as messages see them, loaded in one query however many there are."""

from collections.abc import Iterable
from typing import NamedTuple

import orjson
from django.db import connection

from loyalty.models import Consent
from loyalty.services import programme, zones
from messaging import tokens

# Channels whose address is the client's phone.
BY_PHONE = frozenset({Consent.Channel.SMS, Consent.Channel.WHATSAPP, Consent.Channel.MESSENGER})


class Recipient(NamedTuple):
    """What a message may say about a client. Empty means not known."""

    id: int
    first_name: str
    last_name: str
    email: str
    phone: str
    language: str
    # The client's own, else the home store's, else the programme's.
    zone: str
    # JSON as the database gives it: parsed only for a text that reads it.
    attributes: str
    # The newest address of every channel that has its own: a chat, a device. JSON, as above.
    addresses: str = "{}"

    def address(self, channel: str) -> str:
        """Where the client is reached through a channel; empty where it cannot be."""
        if channel == Consent.Channel.EMAIL:
            return self.email
        return self.phone if channel in BY_PHONE else str(orjson.loads(self.addresses).get(channel, ""))

    def variables(self) -> dict[str, object]:
        """The template's `client`: an unknown field is absent, so that only a default can stand for it."""
        known: dict[str, object] = {name: value for name, value in zip(self._fields, self, strict=True) if value}
        known.pop("addresses", None)
        known["attributes"] = orjson.loads(self.attributes)
        known["unsubscribe_url"] = tokens.preferences_url(self.id)
        return known


def load(client_ids: Iterable[int]) -> dict[int, Recipient]:
    """The clients by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT c.id, first_name, last_name, email, phone, language, {zones.SQL}, attributes,
                  coalesce((
                    SELECT jsonb_object_agg(channel, value) FROM (
                      SELECT DISTINCT ON (a.channel) a.channel, a.value FROM messaging_clientaddress a
                      WHERE a.client_id = c.id AND NOT EXISTS (
                        SELECT FROM messaging_suppression s WHERE s.channel = a.channel AND s.address = a.value)
                      ORDER BY a.channel, a.seen_at DESC) AS newest), '{{}}'::jsonb)
                FROM loyalty_client c LEFT JOIN loyalty_store home ON home.id = c.store_id
                WHERE c.id = ANY(%(clients)s)""",  # noqa: S608 (a fixed text)
            {"clients": list(client_ids), "zone": programme.zone().key},
        )
        return {row[0]: Recipient(*row) for row in cursor.fetchall()}
