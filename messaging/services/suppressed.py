"""Addresses that must not be written to; those of erased people by a hash that tells nobody who they are."""

import hmac
from collections.abc import Collection

from django.conf import settings
from django.db import connection


def hashed(address: str) -> str:
    """What stands for the address of somebody who was erased. Keyed: phones are few enough to be tried."""
    key = f"suppressed:{settings.SECRET_KEY}".encode()
    return f"sha256:{hmac.digest(key, address.lower().encode(), 'sha256').hex()}"


def among(channel: str, addresses: Collection[str]) -> set[str]:
    """Those of the addresses that are suppressed: one query."""
    of_hash = {hashed(address): address for address in addresses}
    # One array: the ORM would write thousands of parameters one by one, which takes longer than the look itself.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT address FROM messaging_suppression WHERE channel = %s AND address = ANY(%s)",
            [channel, [*addresses, *of_hash]],
        )
        return {of_hash.get(address, address) for (address,) in cursor.fetchall()}
