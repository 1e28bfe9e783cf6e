"""Addresses that must not be written to; those of erased people by a hash that tells nobody who they are."""

import hmac
from collections.abc import Collection
from hashlib import sha256

from django.conf import settings

from messaging.models import Suppression


def hashed(address: str) -> str:
    """What stands for the address of somebody who was erased. Keyed: phones are few enough to be tried."""
    key = f"suppressed:{settings.SECRET_KEY}".encode()
    return f"sha256:{hmac.new(key, address.lower().encode(), sha256).hexdigest()}"


def among(channel: str, addresses: Collection[str]) -> set[str]:
    """Those of the addresses that are suppressed: one query."""
    of_hash = {hashed(address): address for address in addresses}
    listed = Suppression.objects.filter(channel=channel, address__in=[*addresses, *of_hash])
    return {of_hash.get(address, address) for address in listed.values_list("address", flat=True)}
