"""Which addresses may be called at the word of staff: the public internet, and what an allow-list names (SSRF)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class Refused(Exception):
    """An address that must not be called; the text says why."""


def judged(found: Sequence[str], allow: Sequence[str]) -> list[tuple[Address, bool]]:
    """The addresses of a name, each with whether it is allowed though inside. One bad address refuses the name.

    Raises Refused.
    """
    networks = [ip_network(network, strict=False) for network in allow]
    addresses = [ip_address(text.partition("%")[0]) for text in found]
    allowed = [any(address in network for network in networks) for address in addresses]
    for address, listed in zip(addresses, allowed, strict=True):
        if not listed and not is_public(address):
            raise Refused(f"url: {address} is not a public address")
    return list(zip(addresses, allowed, strict=True))


def is_public(address: Address) -> bool:
    """Whether an address is of the public internet, also by what it embeds."""
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if embedded is None and address in _NAT64:
            embedded = IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public(embedded)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def patience(said: str, now: datetime) -> timedelta | None:
    """What Retry-After asks for: seconds or a date; None where it says nothing that can be read."""
    if said.strip().isascii() and said.strip().isdigit():
        return timedelta(seconds=min(int(said), 10**7))
    try:
        return max(parsedate_to_datetime(said) - now, timedelta(0))
    except (TypeError, ValueError):
        return None
